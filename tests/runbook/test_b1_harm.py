"""B1, B4, B8: the class that a person's report leads to; what nobody knows counts as harm."""

import pytest

from opsbook.errors import UsageError
from opsbook.incidents import timers
from opsbook.register import Register, fold_draft
from opsbook.reports import Report, impact, opening, proposed

ANSWERS = {"y": "yes", "n": "no", "?": "unknown", "-": ""}


@pytest.fixture
def report(when):
    """Draws a report: seen by a customer, personal data, false, acted on, going on; as called."""

    def draw(answers: str, called: str = "", workflow: str = "chat") -> Report:
        told = [ANSWERS[a] for a in answers.split()]
        return Report(
            "It told a customer the wrong limit.",
            when("Mon 2026-11-23 09:30"),
            workflow,
            *told,
            priority=called,
        )

    return draw


@pytest.mark.parametrize(
    ("answers", "priority", "reason"),
    [
        # seen, personal data, false on safety or law, acted on, goes on
        ("y y n n n", "P1", "harm_external"),
        ("n y n n n", "P1", "harm_external"),
        ("y n y n n", "P1", "harm_external"),
        ("n n y n n", "P3", "human"),
        ("y n n n n", "P3", "human"),
        ("n n n y n", "P1", "harm_internal"),
        ("n n y y y", "P1", "harm_internal"),
        ("n n n n y", "P2", "human"),
        ("y n n n y", "P2", "human"),
        ("n n n n n", "P3", "human"),
    ],
)
def test_the_answers_lead_to_the_class(report, answers, priority, reason):
    assert proposed(report(answers))[:2] == (priority, reason)


@pytest.mark.parametrize(
    ("answers", "priority", "why"),
    [
        ("n ? n n n", "P1", "personal data may have reached the wrong person"),
        ("? n y n n", "P1", "false information on safety or law may have reached a customer"),
        ("y n ? n n", "P1", "false information on safety or law may have reached a customer"),
        ("n n ? n n", "P3", "a single output, not delivered outside or without harm"),
        ("n n n ? n", "P1", "a wrong output may have been acted on before anyone noticed"),
        ("n n n n ?", "P2", "the output may be degraded, missing or far dearer, and goes on"),
        ("? ? ? ? ?", "P1", "personal data may have reached the wrong person"),
        ("- - - - -", "P1", "personal data may have reached the wrong person"),
    ],
)
def test_suspicion_is_enough(report, answers, priority, why):
    found, _, said = proposed(report(answers))
    assert (found, said) == (priority, why)


@pytest.mark.parametrize(
    ("answers", "called", "priority", "reason"),
    [
        ("- - - - -", "P1", "P1", "human"),
        ("n n n n n", "P1", "P1", "human"),
        ("n n n n n", "P2", "P2", "human"),
        ("- - - - -", "P3", "P3", "human"),
        ("n n n n y", "P3", "P2", "human"),
        ("n n n ? n", "P3", "P1", "harm_internal"),
        ("y y n n n", "P1", "P1", "harm_external"),
        ("- ? - - -", "P2", "P1", "harm_external"),
    ],
)
def test_whoever_notices_may_call_it_graver_than_the_answers_and_never_lighter(
    report, answers, called, priority, reason
):
    assert proposed(report(answers, called))[:2] == (priority, reason)


@pytest.mark.parametrize(
    ("answers", "external", "harm", "personal_data"),
    [
        ("y n y n n", "yes", "yes", "no"),
        ("y n ? n n", "yes", "unknown", "no"),
        ("n n y n n", "no", "no", "no"),
        ("n n n y n", "no", "yes", "no"),
        ("n y n n n", "unknown", "yes", "yes"),
        ("n n n n y", "no", "no", "no"),
        ("- - - - -", "unknown", "unknown", "unknown"),
    ],
)
def test_its_reach_is_what_the_answers_say(report, answers, external, harm, personal_data):
    told = impact(report(answers))
    assert told == {"external": external, "harm": harm, "personal_data": personal_data}


@pytest.mark.parametrize(
    ("answers", "informed"),
    [
        ("y n y n n", [("AI Lead", "Mon 23 Nov 10:30"), ("Founder or CEO", "Mon 23 Nov 11:30")]),
        ("n y n n n", [("AI Lead", "Mon 23 Nov 10:30"), ("Founder or CEO", "Mon 23 Nov 11:30")]),
        ("n n n y n", [("AI Lead", "Mon 23 Nov 10:30")]),
        ("n n n n y", [("AI Lead", "Mon 23 Nov 09:30")]),
        ("n n n n n", []),
    ],
)
def test_its_timers_run_from_when_it_was_noticed(
    report, bavaria, clock, when, at, answers, informed
):
    register, now = Register(), when("Mon 2026-11-23 10:00")
    fold_draft(register, opening(report(answers), register, bavaria, now, "0" * 64), now)
    told = timers(register, bavaria, clock)
    assert [(t.role, at(t.due_at)) for t in told.itertuples()] == informed


def test_harm_that_was_reported_is_a_harm_incident_by_its_rule(report, bavaria, when):
    now = when("Mon 2026-11-23 10:00")
    told = opening(report("n n n y n", workflow="Invoices"), Register(), bavaria, now, "0" * 64)
    assert told.incident == "INC-2026-0001"
    names = ("family", "rule", "class_reason", "workflows", "category")
    assert [told.payload[n] for n in names] == [
        "harm", "R2", "harm_internal", ["invoices"], "internal",
    ]  # fmt: skip


@pytest.mark.parametrize(("answers", "called"), [("y maybe n n n", ""), ("n n n n n", "P0")])
def test_an_answer_or_a_class_that_is_none_is_refused(when, answers, called):
    told = [{"y": "yes", "n": "no"}.get(a, a) for a in answers.split()]
    with pytest.raises(UsageError, match=r"expected (yes, no or unknown|P1, P2, P3)"):
        proposed(Report("x", when("Mon 2026-11-23 09:30"), "chat", *told, priority=called))
