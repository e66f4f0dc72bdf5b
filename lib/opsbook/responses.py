"""What is done first: the steps of the first response, by class and by who saw it first.

Written before anything breaks (clause A5): the class says what every workflow does, the category
what its own audience needs. A step is ticked off with its time; the ids are the record's.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step of a first response: its id in the record, what is done, the clause it serves."""

    id: str
    text: str
    clause: str


BY_CLASS = {
    "P1": (
        Step("pause", "Pause the workflow: no further output leaves it.", "B3"),
        Step("no-follow-up", "Send no correction and no follow-up written by AI.", "B3"),
        Step(
            "scope", "Establish by hand who and what is affected, before anything runs again.", "B3"
        ),
    ),
    "P2": (
        Step("manual", "Switch the affected workflows to the manual process.", "B7"),
        Step("log", "Log the degradation with its times: since when, what, how much.", "B7"),
    ),
    "P3": (Step("log", "Log it. It is looked at in the weekly review.", "B8"),),
}
BY_CATEGORY = {
    "customer": (
        Step("tell-front", "Tell whoever answers customers what happened and what to say.", "A1"),
    ),
    "internal": (
        Step("tell-users", "Tell everyone who used the output that it cannot be relied on.", "A2"),
    ),
    "developer": (
        Step("quarantine", "Set aside code it wrote since then, until a person has read it.", "A3"),
        Step("revoke", "Revoke every key and secret it may have seen or sent out.", "A3"),
    ),
    "analytics": (
        Step("withdraw", "Mark its figures as withdrawn wherever they were shown.", "A4"),
        Step("decisions", "List the decisions that rest on them and tell who took them.", "A4"),
    ),
}
ON_HARM = (
    Step("evidence", "Keep the outputs, prompts and logs as they are; delete nothing.", "B1"),
    Step("affected", "Decide, as a person, who is told outside and what; write it by hand.", "B3"),
)
BY_FAMILY = {
    "cost": (Step("cap", "Set or lower the spending limit at the provider.", "B7"),),
    "errors": (Step("provider", "Look at the provider's status page; note what it says.", "B7"),),
    "latency": (Step("provider", "Look at the provider's status page; note what it says.", "B7"),),
    "refusals": (Step("inputs", "Keep three refused inputs with their answers.", "B7"),),
    "regression": (
        Step(
            "hold", "Hold the update, or go back to the model and prompt that were approved.", "C3"
        ),
    ),
    "coverage": (Step("export", "Export what is missing; say if it did not run at all.", "B7"),),
}


def checklist(priority: str, category: str | None, family: str, harmful: bool) -> tuple[Step, ...]:
    """The steps of the first response to an incident, in the order they are taken.

    Clauses B3, B7 and B8; those of the category follow (A1 to A4). A P3 is logged, no more. What
    did harm keeps its evidence, whatever class it has now.
    """
    steps = BY_CLASS[priority]
    if harmful:
        steps += ON_HARM
    if priority != "P3":
        steps += BY_CATEGORY.get(category or "", ()) + BY_FAMILY.get(family, ())
    return steps
