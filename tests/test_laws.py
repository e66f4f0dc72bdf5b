"""What must not change a finding: the order of rows, how files are cut, where somebody looks."""

import os
import random
import time
from itertools import pairwise

import pytest

from opsbook.inbox import ingest
from opsbook.store import Folder, load_settings
from opsbook.workbook import open_workbook

HEAD = (
    "ts,workflow,run_id,model,input_tokens,output_tokens,cost,currency,status,latency_ms,"
    "output_class\n"
)
WORKDAYS = [d for d in range(1, 31) if d not in (5, 6, 12, 13, 19, 20, 26, 27)]  # of September 2026
NOW = "2026-10-01T08:00+02:00"


def rows() -> list[str]:
    """September 2026 of one workflow, with a bad morning, slow answers, refusals and a dear day."""
    chance = random.Random(3)
    return [row for day in WORKDAYS for hour in range(7, 15) for row in hour_of(day, hour, chance)]


def hour_of(day: int, hour: int, chance: random.Random) -> list[str]:
    failed, slow = (day, hour) in ((22, 8), (22, 9)), day == 23
    refused, dear = day == 24, 3.0 if day == 28 else 1.0
    return [
        f"2026-09-{day:02}T{hour:02}:{minute:02}:00Z,chat,{day}-{hour}-{minute},gpt-5,"
        f"{int(900 * dear)},80,{0.002 * dear:.4f},EUR,"
        f"{'error' if failed and minute % 4 else 'ok'},"
        f"{int(chance.gauss(2400 if slow else 1200, 60))},{'refusal' if refused else 'answer'}\n"
        for minute in range(0, 50, 2)
    ]


@pytest.fixture
def judged(tmp_path, small_company):
    """The findings of a company whose inbox holds these files, as records without their order."""

    def judge(*files: list[str], now: str = NOW, again: bool = False) -> list[tuple]:
        place = small_company(tmp_path / f"company-{len(list(tmp_path.iterdir()))}")
        (place / "inbox").mkdir()
        for number, lines in enumerate(files):
            path = place / "inbox" / f"part-{number}.csv"
            path.write_text(HEAD + "".join(lines))
            os.utime(path, (time.time() - 60,) * 2)
        folder = Folder(place)
        for _ in range(1 + again):
            ingest(folder, load_settings(folder))
        found = open_workbook(place, now).judged.findings
        columns = [c for c in found.columns if found[c].dtype != "Float64"]
        figures = found[found.columns.difference(columns)].astype(float).round(9)
        return sorted(map(repr, found[columns].join(figures).itertuples(index=False)))

    return judge


@pytest.fixture
def plain(judged) -> list[tuple]:
    return judged(rows())


def test_the_month_holds_something_to_find(judged):
    found = " ".join(judged(rows()))
    for rule in ("R3", "R5", "R8", "R10"):
        assert f"rule='{rule}'" in found


def test_the_order_of_rows_changes_no_finding(judged, plain):
    mixed = rows()
    random.Random(5).shuffle(mixed)
    assert judged(mixed) == plain


@pytest.mark.parametrize("cuts", [(700,), (123, 124, 2000)])
def test_how_an_export_is_cut_into_files_changes_no_finding(judged, plain, cuts):
    edges = [0, *cuts, None]
    parts = [rows()[a:b] for a, b in pairwise(edges)]
    assert judged(*parts) == plain


def test_an_export_that_overlaps_another_changes_no_finding(judged, plain):
    assert judged(rows()[:3000], rows()[1000:]) == plain


def test_ingesting_twice_changes_no_finding(judged, plain):
    assert judged(rows(), again=True) == plain


@pytest.mark.parametrize("now", ["2026-10-01T06:00Z", "2026-10-01T19:00+13:00"])
def test_the_zone_in_which_a_moment_is_written_changes_no_finding(judged, plain, now):
    assert judged(rows(), now=now) == plain


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system sets no zone at run time")
@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/St_Johns"])
def test_the_zone_of_the_machine_changes_no_finding(judged, plain, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert judged(rows()) == plain
    finally:
        monkeypatch.undo()
        time.tzset()
