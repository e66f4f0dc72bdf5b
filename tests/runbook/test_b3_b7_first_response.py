"""B3, B7, B8: what is done first, by class; A1 to A5: and by who saw it first."""

import pytest

from opsbook.errors import UsageError
from opsbook.register import fold_draft
from opsbook.responses import BY_CATEGORY, checklist
from opsbook.settings import CATEGORIES
from opsbook.steps import step_done


def ids(*case) -> str:
    return " ".join(s.id for s in checklist(*case))


@pytest.mark.parametrize(
    ("priority", "category", "family", "harm", "steps"),
    [
        ("P1", "customer", "errors", False, "pause no-follow-up scope tell-front provider"),
        ("P1", "customer", "harm", True, "pause no-follow-up scope evidence affected tell-front"),
        ("P1", "internal", "harm", True, "pause no-follow-up scope evidence affected tell-users"),
        ("P1", "developer", "reported", False, "pause no-follow-up scope quarantine revoke"),
        ("P2", "analytics", "reported", False, "manual log withdraw decisions"),
        ("P2", "internal", "cost", False, "manual log tell-users cap"),
        ("P2", None, "cost", False, "manual log cap"),
        ("P2", "customer", "harm", True, "manual log evidence affected tell-front"),
        ("P3", "customer", "errors", False, "log"),
    ],
)
def test_the_first_response_follows_class_then_harm_then_who_saw_it_first(
    priority, category, family, harm, steps
):
    assert ids(priority, category, family, harm) == steps


def test_a_p1_pauses_the_workflow_before_anything_else_and_lets_no_ai_correct_it():
    first, second, third = checklist("P1", None, "harm", False)
    assert first.text.startswith("Pause the workflow")
    assert "by AI" in second.text
    assert "by hand" in third.text


def test_every_category_has_steps_of_its_own_and_no_list_names_one_twice():
    assert set(BY_CATEGORY) == set(CATEGORIES)
    for priority in ("P1", "P2", "P3"):
        for category in CATEGORIES:
            for family in ("harm", "cost", "errors", "latency", "refusals", "coverage"):
                named = ids(priority, category, family, True).split()
                assert len(set(named)) == len(named)


def test_a_step_is_ticked_off_with_its_time_and_only_one_of_the_list(opened, when):
    register = opened(("Sat 2026-11-14 23:00", [("R3", "chat", "P1", "Sat 2026-11-14 22:00", 1)]))
    incident = register.incident("INC-2026-0001")
    steps = ids("P1", "customer", "errors", False).split()
    fold_draft(
        register, step_done(incident, "AI Lead", "pause", steps), when("Sat 2026-11-14 23:10")
    )
    assert incident.steps == {"pause": when("Sat 2026-11-14 23:10")}
    with pytest.raises(UsageError, match="no step of INC-2026-0001"):
        step_done(incident, "AI Lead", "manual", steps)
