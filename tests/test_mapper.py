"""`opsbook map`: an unknown export beside the columns of calls, asked about and written."""

import json

import pytest

from opsbook import mapper, store
from opsbook.errors import UsageError
from opsbook.schema import CALLS

SHEET = """Datum;Prozess;Modell;Eingabe-Token;Ausgabe-Token;Kosten;Ergebnis
14.11.2026 08:15;Rechnungen;gpt-5-mini;1250;320;0,0123;erfolgreich
15.11.2026 09:20;Rechnungen;gpt-5-mini;980;210;0,0099;Fehler
"""
COMPANY = """[company]
name = "Example Ltd"
zone = "Europe/Vienna"
country = "AT"
locale = "de_AT"
hours = { monday = ["09:00-17:00"] }
"""
WORKFLOW = """[[workflows]]
id = "invoices"
name = "Invoices"
category = "internal"
owner = "Operations"
matches = ["usage:*"]
"""


@pytest.fixture
def company(tmp_path):
    """A company's folder with a foreign sheet in its inbox."""
    settings = tmp_path / "data" / "settings"
    settings.mkdir(parents=True)
    (settings / "company.toml").write_text(COMPANY, "utf-8")
    (settings / "workflows.toml").write_text(WORKFLOW, "utf-8")
    (tmp_path / "data" / "inbox").mkdir()
    (tmp_path / "data" / "inbox" / "usage.csv").write_text(SHEET, "utf-8")
    return tmp_path


@pytest.fixture
def mapped(company, opsbook):
    """Runs `opsbook map` on the sheet."""

    def run(*words, file="data/inbox/usage.csv"):
        return opsbook("map", file, "--data", "data", *words, cwd=company)

    return run


def test_an_unknown_file_is_shown_beside_the_columns_of_calls_and_nothing_is_written(
    mapped, company
):
    done = mapped()
    assert done.returncode == 1
    row = next(line for line in done.stdout.splitlines() if "Eingabe-Token" in line)
    assert row.split()[:5] == ["input_tokens", "Eingabe-Token", "1250", "·", "980"]
    assert "Not in the file: run_id, provider" in done.stdout
    assert "currency is missing" in done.stderr
    assert not (company / "data/settings/mappings.toml").exists()


def test_an_accepted_mapping_stands_in_the_settings_and_is_told_what_to_do_next(mapped, company):
    done = mapped("--accept", "--set", "currency=EUR")
    assert done.returncode == 0
    assert "run opsbook ingest" in done.stderr
    (mapping,) = store.load_settings(store.Folder(company / "data")).mappings
    assert (mapping.id, mapping.decimal, mapping.constants) == (
        "usage",
        "comma",
        {"provider": "openai", "currency": "EUR"},
    )


def test_the_first_rows_are_read_as_proposed_and_counted(mapped):
    told = mapped("--set", "currency=EUR").stderr
    assert (
        "Read so, 2 rows give 2 calls or totals from 2026-11-14 07:15 to 2026-11-15 08:20 UTC, "
        "2,760 tokens, 0.0222 of cost; none is set aside." in told
    )


def test_rows_that_a_proposal_cannot_read_are_told_before_it_is_accepted(mapped, company):
    text = SHEET + "31.02.2026 08:00;Rechnungen;gpt-5-mini;1;1;0,1;erfolgreich\n"
    (company / "odd.csv").write_text(text + SHEET.partition("\n")[2] * 10, "utf-8")
    told = mapped("--set", "currency=EUR", file="odd.csv").stderr
    assert "1 is set aside" in told
    assert 'row 4: Datum "31.02.2026 08:00" is not a time' in told


def test_an_accepted_file_is_ingested_with_its_workflow(mapped, company, opsbook):
    mapped("--accept", "--set", "currency=EUR")
    done = opsbook("ingest", "--data", "data", "--json", cwd=company)
    (file,) = json.loads(done.stdout)["files"]
    assert (file["reader"], file["loaded"], file["quarantined"]) == ("usage", 2, 0)
    calls = store.read_table(store.Folder(company / "data"), CALLS)
    assert set(calls.workflow) == {"invoices"}
    assert calls.cost_eur.tolist() == [0.0123, 0.0099]


def test_what_is_missing_is_not_accepted(mapped, company):
    done = mapped("--accept")
    assert done.returncode == 2
    assert "Nothing was written: currency is missing" in done.stderr
    assert not (company / "data/settings/mappings.toml").exists()


def test_json_is_one_document_and_nothing_else(mapped):
    document = json.loads(mapped("--json").stdout)
    assert document["missing"] == ["currency"]
    assert {"id", "told", "lines", "notes", "text", "written"} <= document.keys()


def test_a_file_that_a_reader_knows_needs_no_mapping(mapped, company):
    known = "ts,workflow,model,input_tokens,output_tokens\n"
    (company / "known.csv").write_text(known, "utf-8")
    done = mapped(file="known.csv")
    assert done.returncode == 2
    assert "it is read as Opsbook's own template" in done.stderr


def test_a_file_that_is_mapped_already_is_not_mapped_again(mapped):
    mapped("--accept", "--set", "currency=EUR")
    done = mapped("--accept", "--set", "currency=EUR")
    assert done.returncode == 2
    assert "mapped already: usage in settings/mappings.toml" in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is no file"),
        ("", "has no header"),
        ("2026-11-16,jane.doe@example.com,12\n", "is no name of a column"),
    ],
)
def test_what_cannot_be_mapped_is_told_in_a_sentence(mapped, company, content, said):
    if content is not None:
        (company / "odd.csv").write_text(content, "utf-8")
    done = mapped(file="odd.csv")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "jane" not in done.stdout + done.stderr


def test_hostile_cells_reach_the_terminal_plain_and_keys_masked(mapped, company):
    key = "sk-proj-abcdefghijklmnop"
    rows = f"date;model;note\n2026-11-16;gpt-5-mini;[red]\x1b[31m{key}\n"
    (company / "hostile.csv").write_text(rows, "utf-8")
    shown = mapped(file="hostile.csv").stdout
    assert "[red]�[31m" in shown
    assert "\x1b" not in shown
    assert key not in shown


# The questions


def foreign_sheet(company):
    """The sheet in the inbox, opened."""
    settings = store.load_settings(store.Folder(company / "data"))
    return mapper.Foreign.at(company / "data/inbox/usage.csv", settings)


def answers(company, *words):
    """The proposal a person reaches with these answers, and all that was shown."""
    told, shown = iter(words), []
    with foreign_sheet(company) as foreign:
        return mapper.dialogue(foreign, {}, lambda _: next(told), shown.append), shown


def test_a_line_is_changed_until_the_mapping_is_accepted(company):
    proposal, _ = answers(company, "currency", "EUR", "account", "-", "yes")
    mapping = proposal.mapping()
    assert mapping.constants["currency"] == "EUR"
    assert "account" not in mapping.columns


def test_yes_is_not_taken_while_something_is_missing(company):
    proposal, shown = answers(company, "yes", "no")
    assert proposal is None
    assert "currency is missing" in str(shown[1])


def test_an_answer_that_cannot_be_is_told_and_asked_again(company):
    proposal, shown = answers(company, "ts", "Uhrzeit", "currency=EUR", "yes")
    assert proposal.mapping().columns["ts"] == "Datum"
    assert any('"Uhrzeit" is no column of the file' in str(s) for s in shown)


def test_a_currency_that_is_none_is_refused_before_anything_is_written(company):
    with foreign_sheet(company) as foreign:
        proposal = foreign.propose({"currency": "euros"})
    with pytest.raises(UsageError, match="no code of ISO 4217"):
        mapper.accept(store.Folder(company / "data"), proposal)
