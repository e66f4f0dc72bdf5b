"""Zero tasks or no export: what the exports cover, hour by hour."""

import pandas as pd
import pytest

from opsbook.coverage import covered, covered_hours
from opsbook.schema import COVERAGE, PANEL
from opsbook.settings import Settings

NOTHING = PANEL.empty()
MATCHES = (("chat", "langfuse:chat"), ("mail", "Langfuse:mail"), ("bills", "litellm:*"))


@pytest.fixture
def company():
    """Settings of a company in a zone, with two workflows in Langfuse and one in LiteLLM."""

    def draw(zone="Europe/Vienna"):
        workflow = {"category": "internal", "owner": "Head"}
        return Settings(
            company={
                "name": "Example", "zone": zone, "country": "AT",
                "hours": {"monday": ["09:00-17:00"]},
            },
            workflows=[
                workflow | {"id": i, "name": i, "matches": [m]}
                for i, m in MATCHES
            ],
        )  # fmt: skip

    return draw


def span(*times: str) -> tuple:
    """The first and the last of some calls' times."""
    return pd.Timestamp(times[0]), pd.Timestamp(times[-1])


NO_CALLS = (None, None)
CHAT = ["chat"]


def spans(text: str, workflow="chat") -> pd.DataFrame:
    """Coverage drawn as 'from to bucket_s' on 10 November 2026."""
    rows = [line.split() for line in text.strip().splitlines()]
    return COVERAGE.conform(
        pd.DataFrame(
            {
                "file_id": [str(i) for i in range(len(rows))],
                "source": "langfuse",
                "workflow": workflow,
                "covered_from": [f"2026-11-10T{r[0]}Z" for r in rows],
                "covered_to": [f"2026-11-10T{r[1]}Z" for r in rows],
                "bucket_s": [int(r[2]) for r in rows],
                "has_status": True,
            }
        )
    )


def drawn(frame: pd.DataFrame) -> str:
    """Hours as a line: # covered, . no data."""
    return "".join("#" if c else "." for c in frame.covered)


AT_SIX = pd.Timestamp("2026-11-10T06:00Z")


def test_single_calls_cover_the_companys_whole_days_for_every_workflow_of_the_source(company):
    found = covered(span("2026-11-09T23:30Z", "2026-11-12T22:30Z"), CHAT, "langfuse", company())
    assert found.workflow.tolist() == ["chat", "mail"]
    assert set(found.covered_from.astype(str)) == {"2026-11-09 23:00:00+00:00"}
    assert set(found.covered_to.astype(str)) == {"2026-11-12 23:00:00+00:00"}


def test_a_file_over_the_change_of_clocks_covers_the_longer_day(company):
    found = covered(span("2026-10-25T08:00Z"), CHAT, "langfuse", company())
    assert (found.covered_to - found.covered_from).iloc[0] == pd.Timedelta(hours=25)


def test_a_file_does_not_speak_of_what_came_after_it_arrived(company):
    arrived = pd.Timestamp("2026-11-10T09:20Z")
    found = covered(span("2026-11-10T08:00Z"), CHAT, "langfuse", company(), until=arrived)
    assert set(found.covered_to) == {arrived}


def test_a_file_without_calls_that_states_no_period_covers_nothing(company):
    assert covered(NO_CALLS, [], "langfuse", company()).empty


def test_a_stated_period_without_calls_is_covered(company):
    stated = (pd.Timestamp("2026-11-01T00:00Z"), pd.Timestamp("2026-11-02T00:00Z"))
    found = covered(NO_CALLS, [], "litellm", company(), stated, 86400)
    assert found[["workflow", "bucket_s"]].to_numpy().tolist() == [["bills", 86400]]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("00:00 06:00 0", "######"),
        ("01:00 02:00 0\n03:00 05:00 0", "#.##."),
        ("00:00 02:30 0\n02:30 04:00 0", "####.."),
        ("00:00 05:00 0\n01:00 02:00 0", "#####."),
        ("00:00 02:30 0\n03:00 04:00 0", "##.#.."),
        ("00:30 02:00 0", ".#...."),
    ],
    ids=["all", "a gap", "meeting within an hour", "one inside another", "half an hour", "begun"],
)
def test_an_hour_is_covered_when_files_together_cover_all_of_it(text, hours):
    assert drawn(covered_hours(spans(text), NOTHING, AT_SIX)) == hours


def test_an_hour_with_a_call_is_covered_whatever_the_files_state():
    called = pd.DataFrame({"workflow": ["chat"], "hour": [pd.Timestamp("2026-11-10T03:00Z")]})
    assert drawn(covered_hours(spans("00:00 01:00 0"), called, AT_SIX)) == "#..#.."


def test_the_finest_grain_that_covers_an_hour_counts():
    found = covered_hours(spans("00:00 06:00 86400\n02:00 04:00 0"), NOTHING, AT_SIX)
    assert found.bucket_s.tolist() == [86400, 86400, 0, 0, 86400, 86400]


def test_a_workflow_nothing_speaks_of_has_no_data_while_another_is_covered():
    both = pd.concat([spans("00:00 02:00 0"), spans("04:00 06:00 0", "mail").assign(file_id="m")])
    found = covered_hours(both, NOTHING, AT_SIX)
    assert drawn(found[found.workflow == "chat"]) == "##...."
    assert drawn(found[found.workflow == "mail"]) == "....##"


def test_without_any_export_there_are_no_hours():
    assert covered_hours(COVERAGE.empty(), NOTHING, AT_SIX).empty
