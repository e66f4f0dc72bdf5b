"""B6, B7, A5: an incident goes from detected to closed step by step, and no step is skipped."""

import pytest

from opsbook import steps
from opsbook.errors import UsageError
from opsbook.events import Draft
from opsbook.register import fold_draft

TUE = "Tue 2026-11-17"
P1 = [("R3", "chat", "P1", f"{TUE} 10:00", 2)]
P2 = [("R4", "invoices", "P2", f"{TUE} 10:00", 3)]
LONG_P2 = [("R4", "invoices", "P2", f"{TUE} 10:00", 25)]
GOING = [("R4", "invoices", "P2", f"{TUE} 10:00", 3, "+")]
LEAD, FOUNDER = "AI Lead", "Founder or CEO"


@pytest.fixture
def go(opened, when, bavaria):
    """Takes steps one after the other with a fresh incident; its state, or what was refused."""

    def walk(rows: list, *names: str, at: str = f"{TUE} 16:00") -> str:
        register = opened((f"{TUE} 13:00", rows))
        taken = {
            "ack": lambda i: steps.acknowledged(i, LEAD),
            "founder": lambda i: steps.acknowledged(i, FOUNDER),
            "investigate": lambda i: steps.investigating(i, LEAD),
            "identify": lambda i: steps.identified(i, LEAD, "vendor_outage"),
            "unknown": lambda i: steps.identified(i, LEAD, "unknown"),
            "mitigate": lambda i: steps.mitigated(i, LEAD),
            "impact": lambda i: steps.impact_set(i, LEAD, external="no"),
            "resolve": lambda i: steps.resolved(i, LEAD, when(at)),
            "post-mortem": signed,
            "close": lambda i: steps.closed(i, LEAD, bavaria.limits),
            "decline": lambda i: steps.declined(i, LEAD, "text"),
            "decline as founder": lambda i: steps.declined(i, FOUNDER, "text"),
            "harm": lambda i: steps.reclassified(i, LEAD, "P1", "text", "harm_external"),
            "P2 as lead": lambda i: steps.reclassified(i, LEAD, "P2", "text"),
            "P2 as founder": lambda i: steps.reclassified(i, FOUNDER, "P2", "text"),
            "P2 without reason": lambda i: steps.reclassified(i, FOUNDER, "P2", ""),
            "P3 as founder": lambda i: steps.reclassified(i, FOUNDER, "P3", "text"),
            "P3 as lead": lambda i: steps.reclassified(i, LEAD, "P3", "text"),
        }
        try:
            for name in names:
                incident = register.incident("INC-2026-0001")
                fold_draft(register, taken[name](incident), when(at))
        except UsageError as refused:
            return str(refused).partition(": ")[2]
        return register.incident("INC-2026-0001").state

    return walk


def signed(incident):
    return Draft("post_mortem_signed", incident.id, {"actions": []}, LEAD)


@pytest.mark.parametrize(
    ("names", "state"),
    [
        (["ack"], "acknowledged"),
        (["ack", "investigate"], "investigating"),
        (["ack", "unknown"], "acknowledged"),
        (["ack", "identify"], "identified"),
        (["ack", "mitigate", "identify"], "mitigated"),
        (["ack", "identify", "resolve"], "resolved"),
        (["ack", "identify", "resolve", "close"], "closed"),
        (["ack", "unknown", "resolve", "close"], "closed"),
        (["decline"], "declined"),
    ],
    ids=" ".join,
)
def test_a_p2_goes_forward_only(go, names, state):
    assert go(P2, *names) == state


@pytest.mark.parametrize(
    ("rows", "names", "why"),
    [
        (P2, ["investigate"], "it must be acknowledged first."),
        (P2, ["identify"], "it must be acknowledged, and not yet closed."),
        (P2, ["close"], "it must be resolved first."),
        (P2, ["ack", "close"], "it must be resolved first."),
        (P2, ["ack", "ack"], "the AI Lead has done so already."),
        (P2, ["ack", "resolve", "close"], "its root cause is not named: identify it first."),
        (GOING, ["ack", "resolve"], "a rule still holds; what was done has not helped yet."),
        (P1, ["ack", "resolve"], "it must be mitigated first."),
        (P1, ["ack", "mitigate", "resolve"], "its scope is not known: set the impact first."),
        (P2, ["decline", "ack"], "nobody has to act on it any more."),
        (P1, ["decline"], "that is for Founder or CEO or Deputy, not AI Lead."),
        (P1, ["P2 as lead"], "that is for Founder or CEO or Deputy, not AI Lead."),
        (P1, ["P2 without reason"], "a reason is needed."),
        (P2, ["harm", "P3 as founder"], "harm stays a P2 at least."),
        (
            P2,
            ["harm", "decline as founder"],
            "harm was reported; it can be lowered to P2 at most.",
        ),
    ],
)
def test_a_step_that_may_not_be_taken_says_why(go, rows, names, why):
    assert go(rows, *names) == why


@pytest.mark.parametrize(
    ("names", "state"),
    [(["P2 as founder"], "detected"), (["decline as founder"], "declined")],
    ids=" ".join,
)
def test_the_founder_may_lower_a_p1_with_a_reason(go, names, state):
    assert go(P1, *names) == state


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        (f"{TUE} 13:59", "its condition must be false for 1 h."),
        (f"{TUE} 14:00", "resolved"),
    ],
)
def test_a_condition_must_be_false_as_long_as_it_took_to_fire(go, at, outcome):
    assert go(P2, "ack", "resolve", at=at) == outcome


@pytest.mark.parametrize(
    ("rows", "owed"), [(P1, True), (P2, False), (LONG_P2, True)], ids=["P1", "P2", "P2 over a day"]
)
def test_a_post_mortem_is_owed_for_a_p1_and_a_long_p2(go, rows, owed):
    at = "Thu 2026-11-19 16:00"
    names = ["ack", "identify", "mitigate", "impact", "resolve"]
    refused = "its post-mortem is not signed."
    assert go(rows, *names, "close", at=at) == (refused if owed else "closed")
    assert go(rows, *names, "post-mortem", "close", at=at) == "closed"
