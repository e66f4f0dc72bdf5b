"""The evidence of a period: one zip, the same bytes each time, that checks itself and is honest."""

import ast
import csv
import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from opsbook import evidence, proof
from opsbook.__main__ import main
from opsbook.errors import ChainError, OpsbookError, SettingsError, UsageError
from opsbook.events import Draft
from opsbook.records import Log
from opsbook.schema import FILES
from opsbook.store import Folder, write_table

ROOT = Path(__file__).parent.parent
NOW = pd.Timestamp("2026-11-23T08:00+01:00").tz_convert("UTC")
OPENED = {
    "workflows": ["chat"], "family": "harm", "priority": "P1", "class_reason": "human",
    "started_at": "2026-11-20T08:00:00.000Z", "reason": "=HYPERLINK(1)",
}  # fmt: skip
CHANNELS = """
[[channels]]
id = "mail"
roles = ["AI Lead"]
url = "mailtos://{MAIL_USER}:{MAIL_PASSWORD}@mail.example.org"
"""
EXPORT = b"id,ts\n1,2026-11-02\n"


@pytest.fixture
def company(small_company, tmp_path, monkeypatch):
    """A company with an incident, a note that names a person, an export, reviews and a secret."""
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2-secret")
    place = small_company(tmp_path / "acme", channels=CHANNELS)
    log = Log(Folder(place))
    name = log.keep("Frau Muster called")
    with log.writing(NOW - pd.Timedelta(days=1)) as writing:
        writing.append(Draft("incident_opened", "INC-2026-0001", OPENED))
        writing.append(Draft("noted", "INC-2026-0001", {"text": name}, "AI Lead"))
        writing.append(Draft("step_done", "INC-2026-0001", {"step": "b3-pause"}, "AI Lead"))
    for path in ("reviews/2026-W46.md", "reviews/2026-W20.md", "post-mortems/INC-2026-0001.md",
                 "post-mortems/INC-2026-0009.md"):  # fmt: skip
        (place / "records" / path).parent.mkdir(exist_ok=True)
        (place / "records" / path).write_text("written", "utf-8")
    file_id = hashlib.sha256(EXPORT).hexdigest()[:16]
    kept = place / "exports" / "2026-11" / f"{file_id}-calls.csv"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(EXPORT)
    row = {
        "file_id": file_id, "file": "calls.csv", "reader": "template", "state": "loaded",
        "rows_in": 1, "loaded": 1, "known": 0, "quarantined": 0, "corrected": 0,
        "covered_from": pd.Timestamp("2026-11-02", tz="UTC"),
        "covered_to": pd.Timestamp("2026-11-03", tz="UTC"),
    }  # fmt: skip
    write_table(Folder(place), FILES, FILES.conform(pd.DataFrame([row])))
    return SimpleNamespace(place=place, folder=Folder(place), log=log, text=name, export=kept)


@pytest.fixture
def made(company, tmp_path):
    """Bundles 2026-Q4: `.names`, `.read(name)`, and `.path`."""

    def bundle(name="2026-Q4", **options):
        path = tmp_path / "evidence.zip"
        evidence.bundle(company.folder, name, NOW, path, **options)
        archive = zipfile.ZipFile(path)
        return SimpleNamespace(
            path=path, names=archive.namelist(), read=archive.read,
            rows=lambda n: list(csv.DictReader(io.StringIO(archive.read(n).decode()))),
        )  # fmt: skip

    return bundle


def checked(place: Path, *words: str) -> tuple[int, str]:
    """What the bundle's own program says, run by a bare Python in a bare folder."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", *words],
        cwd=place, capture_output=True, text=True, env={}, timeout=60,
    )  # fmt: skip
    assert not done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def unpacked(made, tmp_path):
    place = tmp_path / "unpacked"
    zipfile.ZipFile(made(with_texts=True).path).extractall(place)
    return place


def test_a_bundle_holds_what_is_on_record_of_the_period(made):
    names = made().names
    assert {"MANIFEST.json", "README.txt", "verify.py", "records/events.jsonl"} <= set(names)
    assert {"settings/company.toml", "settings/limits-in-force.toml"} <= set(names)
    assert {"law/legal-dates.toml", "runbook/clauses.toml", "register/systems.csv"} <= set(names)
    assert "records/reviews/2026-W46.md" in names
    assert "records/reviews/2026-W20.md" not in names
    assert "records/post-mortems/INC-2026-0001.md" in names
    assert "records/post-mortems/INC-2026-0009.md" not in names


def test_it_lists_every_export_with_the_hash_of_the_file_that_is_kept(made, company):
    row = made().rows("exports.csv")[0]
    assert (row["sha256"], row["bytes"]) == (hashlib.sha256(EXPORT).hexdigest(), str(len(EXPORT)))
    assert (row["kept"], row["in_period"], row["loaded"]) == ("yes", "True", "1")
    company.export.write_bytes(b"other")
    assert made().rows("exports.csv")[0]["kept"] == "changed"
    company.export.unlink()
    assert made().rows("exports.csv")[0]["kept"] == "no"


def test_exports_and_what_people_wrote_go_in_only_when_asked_for(made, company):
    bare = made()
    assert not [n for n in bare.names if n.startswith(("exports/", "records/texts/"))]
    assert "may name people" in bare.read("README.txt").decode()
    full = made(with_exports=True, with_texts=True)
    assert f"exports/{company.export.name}" in full.names
    assert f"records/texts/{company.text}.json" in full.names


def test_no_text_about_people_and_no_secret_goes_in(made):
    whole = b"".join(made().read(n) for n in made().names)
    for secret in (b"Frau Muster", b"hunter2", b"MAIL_PASSWORD", b"mail.example.org"):
        assert secret not in whole
    assert made().rows("settings/channels.csv")[0]["kind"] == "mailtos"


def test_a_settings_file_with_a_secret_in_it_makes_no_bundle(company, tmp_path):
    plain = CHANNELS.replace("{MAIL_PASSWORD}", "hunter2-secret")
    (company.place / "settings/channels.toml").write_text(plain)
    with pytest.raises(SettingsError):
        evidence.bundle(company.folder, "2026-Q4", NOW, tmp_path / "e.zip")
    assert not (tmp_path / "e.zip").exists()


def test_a_cell_is_never_a_formula(made):
    assert made().rows("incidents.csv")[0]["reason"] == "'=HYPERLINK(1)"


def test_the_same_content_makes_the_same_bytes(company, made, tmp_path):
    first = made().path.read_bytes()
    (company.place / "settings/company.toml").touch()
    assert made().path.read_bytes() == first


def test_its_list_is_canonical_and_names_count_head_and_period(made):
    bundle = made()
    manifest = json.loads(bundle.read("MANIFEST.json"))
    assert rfc8785.dumps(manifest) == bundle.read("MANIFEST.json")
    assert manifest["chain"]["count"] == 3
    assert (manifest["period"]["name"], manifest["period"]["over"]) == ("2026-Q4", False)
    assert manifest["made_at"] == "2026-11-23T07:00:00.000Z"


def test_a_period_that_has_not_begun_is_refused(company, tmp_path):
    with pytest.raises(UsageError, match="has not begun"):
        evidence.bundle(company.folder, "2027-Q1", NOW, tmp_path / "e.zip")


def test_of_a_broken_record_nothing_is_bundled_and_the_exit_code_is_3(
    company, tmp_path, monkeypatch
):
    broken = company.log.content().replace(b"AI Lead", b"Reporter", 1)
    company.log.path.write_bytes(broken)
    with pytest.raises(ChainError):
        evidence.bundle(company.folder, "2026-Q4", NOW, tmp_path / "e.zip")
    words = ["opsbook", "evidence", "--period", "2026-Q4", "--data", str(company.place)]
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(tmp_path / "e.zip")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert not (tmp_path / "e.zip").exists()


def test_what_is_told_names_the_hash_to_keep_elsewhere(company, tmp_path):
    done = evidence.bundle(company.folder, "2026-Q4", NOW, tmp_path / "e.zip")
    told = done.as_json()
    with zipfile.ZipFile(done.path) as archive:
        kept = hashlib.sha256(archive.read("MANIFEST.json")).hexdigest()
        assert told["files"] == len(archive.namelist()) - 1
    assert told["sha256"] == hashlib.sha256(done.path.read_bytes()).hexdigest()
    assert (told["manifest_sha256"], told["count"]) == (kept, 3)
    assert kept in done.sentence()


def test_a_register_that_cannot_be_read_is_said_in_the_bundle(made, company):
    (company.place / "register.xlsx").write_bytes(b"no workbook")
    assert "register.xlsx" in made().read("register/not-read.txt").decode()


def test_a_place_that_cannot_be_written_is_told_and_nothing_is_left(company, tmp_path):
    with pytest.raises(OpsbookError, match="could not be written"):
        evidence.bundle(company.folder, "2026-Q4", NOW, tmp_path / "nowhere" / "e.zip")


# The program in it, with Python alone


def test_a_whole_bundle_is_found_whole_by_a_bare_python(unpacked, company):
    code, said = checked(unpacked)
    assert code == 0
    assert "one unbroken chain of 3 events" in said
    digest = hashlib.sha256((unpacked / "MANIFEST.json").read_bytes()).hexdigest()
    assert digest in said
    assert checked(unpacked, "--count", "3", "--head", company.log.events()[-1].hash[:16])[0] == 0


def one_byte(place: Path) -> None:
    path = place / "records/events.jsonl"
    path.write_bytes(path.read_bytes().replace(b"noted", b"motes", 1))


def cut_tail(place: Path) -> None:
    path = place / "records/events.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def text_changed(place: Path) -> None:
    path = next((place / "records/texts").iterdir())
    path.write_text(path.read_text("utf-8").replace("Muster", "Master"), "utf-8")


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (one_byte, "records/events.jsonl was changed"),
        (one_byte, "line 2 does not match its hash: something in it was changed"),
        (cut_tail, "holds 2 events where MANIFEST.json says 3: the tail was cut off"),
        (lambda p: (p / "exports.csv").unlink(), "exports.csv is missing."),
        (lambda p: (p / "exports.csv").write_text("x"), "exports.csv was changed"),
        (lambda p: (p / "new.txt").write_text("x"), "new.txt was added"),
        (lambda p: (p / "records/events.jsonl").unlink(), "records/events.jsonl is missing."),
        (lambda p: (p / "MANIFEST.json").unlink(), "MANIFEST.json is missing"),
        (lambda p: (p / "MANIFEST.json").write_text("{}"), "MANIFEST.json cannot be read"),
        (lambda p: (p / "MANIFEST.json").write_text("[[" * 9999), "MANIFEST.json cannot be read"),
        (text_changed, "does not match its hash in the record"),
    ],
)  # fmt: skip
def test_what_was_changed_cut_or_taken_out_is_found_and_named(unpacked, spoil, found):
    spoil(unpacked)
    code, said = checked(unpacked)
    assert code == 1
    assert found in said


def test_a_record_and_list_written_anew_are_found_by_the_head_noted_elsewhere(unpacked, company):
    cut_tail(unpacked)
    record = unpacked / "records/events.jsonl"
    manifest = json.loads((unpacked / "MANIFEST.json").read_text())
    last = json.loads(record.read_bytes().splitlines()[-1])
    manifest["chain"] = {"count": 2, "head": last["hash"]}
    for file in manifest["files"]:
        if file["path"] == "records/events.jsonl":
            file["sha256"] = hashlib.sha256(record.read_bytes()).hexdigest()
    (unpacked / "MANIFEST.json").write_bytes(rfc8785.dumps(manifest))
    assert checked(unpacked)[0] == 0
    code, said = checked(unpacked, "--count", "3", "--head", company.log.events()[-1].hash[:16])
    assert (code, "holds 2 events where 3 were noted" in said) == (1, True)


def test_it_reads_the_zip_as_well_and_says_when_it_can_read_neither(made, unpacked):
    assert checked(unpacked, str(made().path))[0] == 0
    code, said = checked(unpacked, "nowhere")
    assert (code, said) == (1, "This cannot be checked: nowhere is not there.\n")


def test_it_is_written_for_python_3_9_and_imports_nothing_else():
    tree = ast.parse(Path(proof.__file__).read_text("utf-8"), feature_version=(3, 9))
    named = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    named |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert named <= set(sys.stdlib_module_names)


def test_its_canonical_form_is_the_same_over_the_whole_record_of_the_demo():
    for line in (ROOT / "data/demo/records/events.jsonl").read_bytes().splitlines():
        assert proof.canonical(json.loads(line)).encode() == line


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8)
    | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_its_canonical_form_is_that_of_rfc_8785(value):
    assert proof.canonical(value).encode() == rfc8785.dumps(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_as_rfc_8785_does(value):
    assert proof.canonical(value).encode() == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800", object()])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(ValueError):
        proof.canonical(value)


@pytest.mark.skipif(not shutil.which("unzip"), reason="no unzip on this machine")
def test_another_program_unpacks_it(made, tmp_path):
    done = subprocess.run(["unzip", "-tq", made().path], capture_output=True, check=False)
    assert done.returncode == 0
