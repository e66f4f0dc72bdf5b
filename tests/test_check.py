"""The hourly check: it enters what is new, tells whoever must know once, and is quiet otherwise."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import openpyxl
import pytest

from opsbook.records import Log
from opsbook.register import fold
from opsbook.registerbooks import make
from opsbook.store import Folder, load_settings

CHANNELS = """
[[channels]]
id = "push"
roles = ["AI Lead", "Founder or CEO"]
url = "{PUSH}"
"""
HEAD = "ts,workflow,run_id,model,input_tokens,output_tokens,cost,currency,status\n"
NOW = "2026-11-17T11:00+01:00"
LATER = "2026-11-17T12:00+01:00"
TIMES = int(os.environ.get("OPSBOOK_KILLS", "8"))
"""How often; 200 takes some minutes: OPSBOOK_KILLS=200 pytest tests/test_check.py"""


def calls(hour: str, ok: int, failed: int) -> str:
    states = ["ok"] * ok + ["error"] * failed
    return "".join(
        f"2026-11-17T{hour}:{i:02}:00+01:00,chat,{hour}-{i},gpt-5,100,20,0.001,EUR,{status}\n"
        for i, status in enumerate(states)
    )


@pytest.fixture
def company(tmp_path, small_company):
    """A company whose support chat failed 20 of 40 calls between ten and eleven."""
    place = small_company(tmp_path / "company", channels=CHANNELS)
    drop(place, "morning.csv", calls("09", 40, 0) + calls("10", 20, 20))
    return place


def drop(company: Path, name: str, rows: str) -> None:
    path = company / "inbox" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD + rows)
    os.utime(path, (time.time() - 60,) * 2)


@pytest.fixture
def check(company, web, opsbook):
    """Runs `opsbook check --json` as a scheduler does; what it said, and its exit code."""

    def run(as_of: str = NOW) -> tuple[dict, int]:
        words = ("check", "--data", str(company), "--as-of", as_of, "--json")
        done = opsbook(*words, cwd=company.parent, PUSH=f"json://{web.at}")
        assert done.stdout, done.stderr
        return json.loads(done.stdout), done.returncode

    return run


def register(company: Path):
    return fold(Log(Folder(company)).events())


def test_a_new_p1_is_entered_told_once_and_asks_for_a_person(check, company, web):
    said, code = check()
    assert code == 1
    assert [(i["id"], i["priority"]) for i in said["new"]] == [("INC-2026-0001", "P1")]
    assert [(n["incident"], n["channel"], n["ok"]) for n in said["notified"]] == [
        ("INC-2026-0001", "push", True)
    ]
    message = json.loads(web.got[0].body)["message"]
    for words in (
        "P1 INC-2026-0001 Support chat: 50% of calls failed",
        "Since: Tue 17 Nov 10:00",
        "AI Lead: act by Tue 17 Nov 12:00",
        "Founder or CEO: act by Tue 17 Nov 13:00",
        "First response: Pause the workflow.",
        "_site/reports/incidents/INC-2026-0001.html",
        "Record: 2 events, head ",
    ):
        assert words in message
    told = register(company).incident("INC-2026-0001").notices["INC-2026-0001/0/push"]
    assert told["state"] == "sent"


def test_a_second_check_finds_nothing_new_and_says_nothing(check, web, company, opsbook):
    check()
    said, code = check()
    assert (said["new"], said["notified"], code) == ([], [], 0)
    quiet = opsbook(
        "check", "--data", str(company), "--as-of", NOW, cwd=company.parent, PUSH=f"json://{web.at}"
    )
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert len(web.got) == 1


def test_a_message_that_was_refused_is_tried_again_and_shown_until_it_arrives(check, web):
    web.answer = 503
    said, code = check()
    assert [(n["ok"], n["problem"]) for n in said["notified"]] == [
        (False, "channel push: the service answered 503")
    ]
    assert (said["waiting"][0]["state"], code) == ("failed", 1)
    web.answer = 200
    said, code = check(LATER)
    assert [n["ok"] for n in said["notified"]] == [True]
    assert (said["waiting"], code) == ([], 0)


def test_a_channel_whose_secret_is_missing_fails_with_its_name_and_loses_no_incident(
    company, opsbook
):
    words = ("check", "--data", str(company), "--as-of", NOW, "--json")
    done = opsbook(*words, cwd=company.parent)
    said = json.loads(done.stdout)
    assert "PUSH is not set" in said["notified"][0]["problem"]
    assert (len(said["new"]), done.returncode) == (1, 1)


def test_a_run_killed_while_a_message_is_under_way_never_sends_it_again(check, company, web):
    web.hangs = True
    words = ["check", "--data", str(company), "--as-of", NOW]
    environment = os.environ | {"PUSH": f"json://{web.at}"}
    run = subprocess.Popen([sys.executable, "-m", "opsbook", *words], env=environment)
    until = time.monotonic() + 30
    while not web.got and time.monotonic() < until:
        time.sleep(0.01)
    run.kill()
    run.wait()
    web.hangs = False
    web.free.set()
    said, code = check()
    assert (len(web.got), said["notified"]) == (1, [])
    assert (said["waiting"][0]["state"], code) == ("uncertain", 1)


def test_two_checks_at_once_open_one_incident_and_send_one_message(company, web):
    words = [sys.executable, "-m", "opsbook", "check", "--data", str(company), "--as-of", NOW]
    environment = os.environ | {"PUSH": f"json://{web.at}"}
    runs = [subprocess.Popen(words, env=environment) for _ in range(2)]
    assert sorted(run.wait(60) for run in runs) == [0, 1]
    assert list(register(company).incidents) == ["INC-2026-0001"]
    assert len(web.got) == 1


def test_a_p2_tells_the_lead_and_once_escalated_the_founder_too(check, company, web):
    drop(company, "morning.csv", calls("08", 35, 5) + calls("09", 35, 5) + calls("10", 35, 5))
    said, _ = check()
    assert [i["priority"] for i in said["new"]] == ["P2"]
    assert [n["roles"] for n in said["notified"]] == [["AI Lead"]]
    said, code = check("2026-11-17T15:00+01:00")
    assert [(i["priority"], i["class_reason"]) for i in said["new"]] == [("P1", "escalated")]
    assert (said["notified"][0]["roles"], code) == (["AI Lead", "Founder or CEO"], 1)
    assert len(web.got) == 2


def test_a_silence_holds_messages_back_and_loses_no_incident(check, company, web, opsbook):
    words = ("incident", "silence", "chat", "--until", LATER, "--as", "lead", "--text", "move")
    done = opsbook(*words, "--data", str(company), "--as-of", NOW, cwd=company.parent)
    assert done.returncode == 0, done.stderr
    said, _ = check()
    assert (len(said["new"]), said["notified"]) == (1, [])
    said, _ = check(LATER)
    assert len(said["notified"]) == 1


def test_a_row_of_the_register_is_entered_once_and_a_bad_one_named_by_its_cell(check, company):
    make(company / "register.xlsx", load_settings(Folder(company)))
    book = openpyxl.load_workbook(company / "register.xlsx")
    row = ["Wrong price on a quote", "2026-11-17 10:30", "chat", "yes", "no", "no", "no", "no"]
    book["Reports"].append(row)
    book["Reports"].append(["Again", "2026-11-17 10:45", "chatt"])
    book.save(company / "register.xlsx")
    said, code = check()
    assert [(i["priority"], i["class_reason"]) for i in said["new"]] == [
        ("P3", "human"),
        ("P1", "threshold"),
    ]
    assert [p.partition(": ")[2] for p in said["problems"]] == [
        "'chatt' is no workflow; did you mean chat?"
    ]
    again, code = check()
    assert (again["new"], code) == ([], 1)


def test_a_broken_record_stops_the_check_before_anything_is_entered_or_sent(
    check, company, web, opsbook
):
    check()
    log = Log(Folder(company))
    log.path.write_bytes(log.content().replace(b'"P1"', b'"P3"'))
    words = ("check", "--data", str(company), "--as-of", LATER)
    done = opsbook(*words, cwd=company.parent, PUSH=f"json://{web.at}")
    assert done.returncode == 3
    assert "line 1 does not match its hash" in done.stderr
    assert len(web.got) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="killing forks needs fork")
def test_a_check_killed_at_random_moments_loses_no_event_and_sends_nothing_twice(
    company, web, opsbook
):
    opsbook("ingest", "--data", str(company), cwd=company.parent)
    script = Path(__file__).with_name("killed_checks.py")
    words = [sys.executable, str(script), str(company), f"json://{web.at}", str(TIMES), "7"]
    done = subprocess.run(words, capture_output=True, text=True)
    left = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(left) == TIMES + 1, done.stderr
    assert all(run["whole"] and run["kept"] and run["incidents"] == 1 for run in left)
    sent = Counter(int(message.path.strip("/")) for message in web.got)
    assert max(sent.values()) == 1
    for run in left:
        expected = ["sent"] if sent[run["number"]] else ["started"]
        assert run["notices"] in (expected, ["started"])
    assert sum(run["killed"] for run in left) >= TIMES // 2
