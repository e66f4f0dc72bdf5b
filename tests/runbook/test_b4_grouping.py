"""B4, A5: findings of one workflow and family are one incident, with one owner and one clock."""

import pytest

MON, TUE, WED = "Mon 2026-11-16", "Tue 2026-11-17", "Wed 2026-11-18"
ONE_PROVIDER = {"chat": "openai", "invoices": "openai"}


def told(register):
    return [(i.priority, i.rules, i.state) for i in register.incidents.values()]


def test_findings_of_one_workflow_and_family_are_one_incident_of_the_higher_class(opened):
    rows = [
        ("R4", "chat", "P2", f"{TUE} 09:00", 4),
        ("R3", "chat", "P1", f"{TUE} 10:00", 2),
        ("R5", "chat", "P2", f"{WED} 00:00", 24),
    ]
    assert told(opened((f"{WED} 08:00", rows))) == [
        ("P1", ["R3", "R4"], "detected"),
        ("P2", ["R5"], "detected"),
    ]


def test_what_failing_calls_drag_along_joins_their_incident(opened):
    rows = [
        ("R3", "chat", "P1", f"{TUE} 10:00", 6, "+"),
        ("R5", "chat", "P2", f"{TUE} 11:00", 2),
        ("R5", "invoices", "P2", f"{TUE} 11:00", 2),
    ]
    assert told(opened((f"{TUE} 16:00", rows))) == [
        ("P1", ["R3", "R5"], "detected"),
        ("P2", ["R5"], "detected"),
    ]


@pytest.mark.parametrize(
    ("second", "number"), [(f"{WED} 12:00", 1), (f"{WED} 13:00", 2)], ids=["24 h", "25 h"]
)
def test_the_same_within_a_day_of_its_end_is_the_same_incident(opened, second, number):
    rows = [("R3", "chat", "P1", f"{TUE} 10:00", 2), ("R3", "chat", "P1", second, 1)]
    assert len(opened((f"{WED} 15:00", rows)).incidents) == number


@pytest.mark.parametrize(
    ("second", "told_of"),
    [
        (f"{TUE} 10:00", [("P2", ["R5", "R7"], "detected")]),
        (f"{TUE} 12:00", [("P3", ["R7"], "detected"), ("P2", ["R5"], "detected")]),
    ],
    ids=["meets it", "an hour later"],
)
def test_a_graver_finding_raises_a_single_breach_only_where_they_meet(opened, second, told_of):
    rows = [("R7", "chat", "P3", f"{TUE} 10:00", 1), ("R5", "chat", "P2", second, 4)]
    assert told(opened((f"{TUE} 18:00", rows))) == told_of


def test_a_single_breach_within_what_goes_on_is_part_of_it(opened):
    going = ("R5", "chat", "P2", f"{MON} 09:00", 4, "+")
    later = ("R7", "chat", "P3", f"{MON} 15:00", 1)
    register = opened((f"{MON} 14:00", [going]), (f"{MON} 16:00", [going, later]))
    assert told(register) == [("P2", ["R5", "R7"], "detected")]


def test_single_breaches_become_part_of_the_graver_finding_that_spans_them(opened):
    singles = [("R7", "chat", "P3", f"{TUE} {hour}:00", 1) for hour in (10, 12)]
    graver = ("R5", "chat", "P2", f"{TUE} 09:00", 8)
    register = opened((f"{TUE} 14:00", singles), (f"{TUE} 18:00", [*singles, graver]))
    assert told(register) == [("P2", ["R5", "R7"], "detected"), ("P3", ["R7"], "merged")]
    again = opened((f"{TUE} 19:00", [*singles, graver]), register=register)
    assert len(again.incident("INC-2026-0001").findings) == 3


@pytest.mark.parametrize(
    ("first", "second", "number"),
    [("10:00", "10:30", 1), ("10:00", "11:00", 1), ("10:00", "12:00", 2)],
    ids=["30 min", "60 min", "120 min"],
)
def test_two_workflows_of_one_provider_within_an_hour_are_one_incident(
    opened, first, second, number
):
    rows = [
        ("R3", "chat", "P1", f"{TUE} {first}", 1, "+"),
        ("R3", "invoices", "P1", f"{TUE} {second}", 1, "+"),
    ]
    assert len(opened((f"{TUE} 14:00", rows), providers=ONE_PROVIDER).incidents) == number
    assert len(opened((f"{TUE} 14:00", rows), providers={"chat": "openai"}).incidents) == 2


def test_an_incident_of_a_provider_names_both_workflows(opened):
    rows = [("R3", w, "P1", f"{TUE} 10:00", 1, "+") for w in ("chat", "invoices")]
    incident = opened((f"{TUE} 12:00", rows), providers=ONE_PROVIDER).incident("INC-2026-0001")
    assert (incident.workflows, incident.provider) == (["chat", "invoices"], "openai")


def test_the_same_findings_again_change_nothing(opened):
    rows = [("R3", "chat", "P1", f"{TUE} 10:00", 2), ("R5", "chat", "P2", f"{WED} 00:00", 24)]
    once = opened((f"{WED} 08:00", rows))
    twice = opened((f"{WED} 09:00", rows), register=once)
    assert [len(i.timeline) for i in twice.incidents.values()] == [1, 1]


def test_a_finding_that_ends_is_entered_once_with_its_last_figures(opened):
    going = [("R3", "chat", "P1", f"{TUE} 10:00", 2, "+")]
    over = [("R3", "chat", "P1", f"{TUE} 10:00", 3)]
    register = opened((f"{TUE} 12:00", going), (f"{TUE} 14:00", over), (f"{TUE} 15:00", over))
    incident = register.incident("INC-2026-0001")
    assert [e.type for e in incident.timeline] == ["incident_opened", "finding_ended"]
    assert not incident.firing
    assert incident.ended_at.strftime("%H:%M") == "12:00"  # 13:00 in Berlin


def test_a_finding_that_corrected_data_takes_back_is_over_and_says_so(opened):
    rows = [("R3", "chat", "P1", f"{TUE} 10:00", 2, "+")]
    incident = opened((f"{TUE} 12:00", rows), (f"{TUE} 13:00", [])).incident("INC-2026-0001")
    assert not incident.firing
    assert incident.evidence[0]["reason"].endswith("by data since gone")


def test_what_was_over_long_before_it_was_found_calls_no_one_and_never_escalates(opened):
    rows = [("R4", "chat", "P2", f"{MON} 10:00", 3)]
    incident = opened(("Thu 2026-11-26 08:00", rows), ("Fri 2026-11-27 18:00", rows)).incident(
        "INC-2026-0001"
    )
    assert (incident.late, incident.priority) == (True, "P2")


def test_findings_without_a_priority_open_nothing(opened):
    rows = [("R3", "chat", None, f"{TUE} 10:00", 1)]
    assert opened((f"{TUE} 12:00", rows)).incidents == {}


def test_numbers_go_on_within_the_companys_year(opened):
    rows = [("R3", "chat", "P1", "Thu 2026-12-31 10:00", 2)]
    later = [*rows, ("R3", "chat", "P1", "Sat 2027-01-02 20:00", 2)]
    register = opened(("Thu 2026-12-31 13:00", rows), ("Sat 2027-01-02 23:30", later))
    assert list(register.incidents) == ["INC-2026-0001", "INC-2027-0001"]
