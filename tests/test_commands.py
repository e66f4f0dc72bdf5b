"""The commands and their contract: JSON alone on standard output, exit codes, errors in words."""

import json

import pytest

pytestmark = pytest.mark.xdist_group("site")


@pytest.fixture(scope="module")
def place(weekly, tmp_path_factory):
    """A copy of the built project that these tests may spoil."""
    import shutil

    return shutil.copytree(weekly.place, tmp_path_factory.mktemp("commands") / "project")


def test_findings_are_json_and_nothing_else(place, opsbook):
    done = opsbook("findings", "--json", cwd=place)
    rows = json.loads(done.stdout)["rows"]
    assert done.returncode == 0
    named = {(r["rule"], r["workflow"], r["from"], r["to"]) for r in rows if r["priority"]}
    assert ("R3", "support-chat", "2026-11-12T09:00:00.000Z", "2026-11-12T11:00:00.000Z") in named
    assert {"observed", "baseline", "limit", "sample", "state", "reason", "method"} <= set(rows[0])


def test_findings_can_be_cut_to_a_stretch_and_read_literally(place, opsbook):
    cut = ("--json", "--from", "2026-11-16", "--to", "2026-11-23")
    rows = json.loads(opsbook("findings", *cut, cwd=place).stdout)["rows"]
    assert {r["rule"] for r in rows if r["priority"] == "P2"} == {"R5", "R8"}
    assert {r["workflow"] for r in rows if r["priority"]} == {"invoice-extraction"}
    literal = opsbook("findings", "--json", "--method", "runbook", cwd=place)
    assert {r["method"] for r in json.loads(literal.stdout)["rows"]} == {"runbook"}


def test_baselines_say_what_is_normal(place, opsbook):
    rows = json.loads(opsbook("baselines", "--json", cwd=place).stdout)["rows"]
    metrics = {(r["workflow"], r["metric"]) for r in rows}
    assert {("invoice-extraction", "run_cost_eur"), ("company", "cost_eur")} <= metrics


def test_an_unchanged_inbox_needs_nobody(place, opsbook):
    done = opsbook("ingest", "--json", cwd=place)
    files = json.loads(done.stdout)["files"]
    assert done.returncode == 0
    assert all(f["rows_in"] == f["loaded"] + f["known"] + f["quarantined"] for f in files)


def test_a_file_nobody_knows_needs_a_person_and_says_what_to_do(place, opsbook):
    (place / "data/demo/inbox/[strange].csv").write_text("when,who\n1,2\n", "utf-8")
    done = opsbook("ingest", cwd=place)
    assert done.returncode == 1
    assert "[strange].csv: unknown" in done.stderr
    assert "move it out of the inbox" in done.stderr
    assert (place / "data/demo/inbox/[strange].csv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("findings", "--as-of", "2026-11-23T08:00"), "has no zone"),
        (("findings", "--as-of", "soon"), "is not a time"),
        (("findings", "--data", "nowhere"), "expected a company's folder like data/demo"),
        (("review", "weekly", "--period", "W47"), "expected like 2026-W47"),
    ],
)
def test_wrong_use_is_told_in_a_sentence_with_exit_code_2(place, opsbook, words, said):
    done = opsbook(*words, cwd=place)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_missing_setting_is_named_with_its_file_and_an_example(place, opsbook):
    company = place / "data/demo/settings/company.toml"
    before = company.read_text("utf-8")
    company.write_text(before.replace("zone =", "zine ="), "utf-8")
    done = opsbook("findings", cwd=place)
    company.write_text(before, "utf-8")
    assert done.returncode == 2
    assert 'company.toml: zone is missing; an example: zone = "Europe/Vienna"' in " ".join(
        done.stderr.split()
    )


def test_a_planned_update_says_its_window_and_what_is_missing_and_needs_a_person(place, opsbook):
    done = opsbook("plan-update", "n-2", "--json", cwd=place)
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert (said["notice"], said["workflows"]) == ("N-2", ["invoice-extraction"])
    assert said["window"]["words"] == "Friday 12:00-14:00"
    assert any("Invoice extraction: its list" in m for m in said["missing"])
    other = opsbook("plan-update", "N-4", cwd=place)
    assert other.returncode == 2
    assert "N-4 is about price: nothing goes live by it" in " ".join(other.stderr.split())
