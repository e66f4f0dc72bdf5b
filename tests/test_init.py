"""A new company's folder: what is asked, what is written, and that it is read back as given."""

import datetime as dt
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook import inbox, store
from opsbook.clock import public_holidays
from opsbook.company import currency_of, hours_of, settings_texts, workflow_of
from opsbook.displays import plain
from opsbook.errors import UsageError
from opsbook.exports.template import COLUMNS
from opsbook.init import Given, Terminal, make
from opsbook.notify import service
from opsbook.schema import OUTPUT_CLASSES, STATUSES
from opsbook.settings import Channel, Company, Settings, Workflow
from opsbook.template import workbook, write_template

COUNTRIES = (
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT",
    "LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE", "CH", "NO", "GB",
)  # fmt: skip
ROOT = Path(__file__).parent.parent
GENERATED = shutil.ignore_patterns("tables", "exports", "*.ipynb", "opsbook-charts.js")
OFFICE = {day: ["09:00-17:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
PLACE = {"zone": "Europe/Vienna", "country": "AT", "hours": OFFICE}


def made(place: Path, *words, **told) -> Settings:
    """The settings of a company made without a terminal, as they are read."""
    told = {"country": "AT"} | told
    return store.load_settings(store.Folder(make(Given("acme", *words, **told), place)))


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_country_proposes_settings_that_every_command_reads(country, tmp_path):
    company = made(tmp_path, country=country).company
    assert company.country == country
    assert dict(public_holidays(company, 2026))
    assert len(company.hours) == 5
    folder = store.Folder(tmp_path / "acme")
    assert all(folder.settings_of(part).is_file() for part in store.SECTIONS)
    assert len(list((folder.path / "settings").iterdir())) == len(store.SECTIONS) - 1


@pytest.mark.parametrize(
    ("country", "zone", "locale", "currency"),
    [
        ("AT", "Europe/Vienna", "en_AT", "EUR"),
        ("DE", "Europe/Berlin", "en_DE", "EUR"),
        ("ES", "Europe/Madrid", "en_ES", "EUR"),
        ("BG", "Europe/Sofia", "en_GB", "EUR"),  # the euro since January 2026
        ("CH", "Europe/Zurich", "en_CH", "CHF"),
        ("uk", "Europe/London", "en_GB", "GBP"),
        ("EL", "Europe/Athens", "en_GB", "EUR"),
    ],
)
def test_zone_locale_and_currency_follow_from_the_country(
    country, zone, locale, currency, tmp_path
):
    company = made(tmp_path, country=country).company
    found = (company.zone, company.locale, currency_of(company.country))
    assert found == (zone, locale, currency)


@pytest.mark.parametrize(
    ("line", "monday", "friday"),
    [
        ("mon-fri 09:00-17:00", ["09:00-17:00"], ["09:00-17:00"]),
        ("Mon – Thu 8:00-12:00 13:00 - 17:00, Friday 8:00-14:00",
         ["8:00-12:00", "13:00-17:00"], ["8:00-14:00"]),
        ("sat-mon 00:00-24:00, fri 9:00-10:00", ["00:00-24:00"], ["9:00-10:00"]),
    ],
)  # fmt: skip
def test_opening_hours_are_read_from_a_line(line, monday, friday):
    assert (hours_of(line)["monday"], hours_of(line)["friday"]) == (monday, friday)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"country": None}, "--country is missing"),
        ({"country": "Austria"}, "'Austria' is no country; expected like AT"),
        ({"country": "XX"}, "'XX' is not known"),
        ({"subdivision": "10"}, 'expected one of "1" (Burgenland)'),
        ({"country": "LU", "subdivision": "1"}, "the whole country is alike"),
        ({"zone": "Graz"}, "'Graz' is not an IANA zone"),
        ({"country": "US"}, "one of America/"),
        ({"hours": "9-5"}, "'9-5' begin with no weekday; expected like"),
        ({"hours": "mon-fri"}, "'mon-fri' name no time"),
        ({"hours": "mon 17:00-9:00"}, "17:00 is not before 09:00"),
        ({"locale": "Austrian"}, "'Austrian' is no locale"),
        ({"currency": "euros"}, "currency"),
        ({"name": " "}, "the company's name is empty"),
        ({"workflows": ["chat|Chat"]}, "has 2 parts; expected like 'id|name|category"),
        ({"workflows": ["chat|Chat|clients|Lead"]}, "category: Input should be 'customer'"),
        ({"workflows": ["chat|Chat|internal|Lead"] * 2}, "the id 'chat' stands twice"),
        ({"lead_channels": ["mailto://me:hunter2@example.org"]}, "the password stands there"),
    ],
)
def test_an_answer_of_no_use_is_refused_with_what_is_expected(told, said, tmp_path):
    with pytest.raises(UsageError) as problem:
        made(tmp_path, **told)
    assert said in str(problem.value)
    assert "hunter2" not in str(problem.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "folder", ["../acme", "a/b", "", ".", "..", "Acme Ltd", "-rf", "acme\n", "/etc/acme", "ä", "~"]
)
def test_a_folder_gets_a_plain_name_and_stays_in_its_place(folder, tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(UsageError, match="no name for a company's folder"):
        make(Given(folder, country="AT"), tmp_path / "data")
    assert [p.name for p in tmp_path.rglob("*")] == ["data"]


def test_a_company_that_is_there_is_not_touched(tmp_path):
    made(tmp_path, name="First")
    with pytest.raises(UsageError, match="is there already"):
        made(tmp_path, name="Second")
    assert store.load_settings(store.Folder(tmp_path / "acme")).company.name == "First"


def test_a_folder_elsewhere_is_told_where_to_go(tmp_path):
    with pytest.raises(UsageError, match="go to the project's folder"):
        make(Given("acme", country="AT"), tmp_path / "data")


# Whatever is answered is read back

hostile = st.text(min_size=1, max_size=40)


@given(name=hostile, owner=hostile, match=hostile, title=hostile)
@settings(deadline=None)
def test_any_text_is_read_back_as_it_was_given(name, owner, match, title):
    workflow = Workflow(id="a", name=title, category="internal", owner=owner, matches=[match])
    told = Settings(company=PLACE | {"name": name}, workflows=[workflow])
    texts = settings_texts(told, store.SECTIONS)
    parts = {part: tomllib.loads(text) for part, text in texts.items()}
    keys = {part: head.strip("[]") for part, head in store.SECTIONS.items()}
    read = Settings(**{p: found[keys[p]] for p, found in parts.items() if keys[p] in found})
    assert read == told


@pytest.mark.parametrize(
    "name",
    ['Müller & "Söhne"', "a\nb = 1", "]] [[workflows]]", "'''", '"""', "\\", "#", "\x7f\x00", "🏭"],
)
def test_a_hostile_name_is_one_text_in_the_settings(name, tmp_path):
    read = made(tmp_path, name=name, workflows=["chat|Chat|internal|Lead"])
    assert read.company.name == name
    assert [w.id for w in read.workflows] == ["chat"]


# What stands in the files


def test_every_setting_stands_in_its_file_with_what_it_is(tmp_path):
    made(tmp_path)
    text = (tmp_path / "acme/settings/company.toml").read_text("utf-8")
    words = " ".join(text.replace("\n# ", " ").split())
    for name, field in Company.model_fields.items():
        assert re.search(rf"^(# )?{name}\b.* = ", text, re.M), name
        assert field.description[1:] in words


@pytest.mark.parametrize("part", [p for p, head in store.SECTIONS.items() if head[:2] == "[["])
def test_the_example_of_a_file_is_taken_as_it_is_once_its_marks_are_off(part, tmp_path):
    made(tmp_path)
    path = store.Folder(tmp_path / "acme").settings_of(part)
    text = path.read_text("utf-8").partition("All that an entry may hold:\n#\n")[2]
    example = text.partition("\n\n")[0]
    path.write_text(re.sub(r"^# ", "", example, flags=re.M), "utf-8")
    (one,) = getattr(store.load_settings(store.Folder(tmp_path / "acme")), part)
    assert one.model_fields_set


def test_every_channel_shown_is_an_address_that_apprise_knows_and_holds_no_secret(tmp_path):
    made(tmp_path)
    text = (tmp_path / "acme/settings/channels.toml").read_text("utf-8")
    urls = re.findall(r'^# url = "(.*)"', text, re.M)
    assert len(urls) == 5
    for url in urls:
        channel = Channel(id="a", roles=["AI Lead"], url=url)
        values = dict.fromkeys(channel.variables, "A" * 9)
        assert service(channel, values | {"TEAMS_HOST": "teams.example.org"})


def test_channels_reach_their_role_from_its_class_on(tmp_path):
    urls = ["ntfys://{TOKEN}@ntfy.example.org/one", "ntfys://{TOKEN}@ntfy.example.org/two"]
    read = made(tmp_path, lead_channels=urls, founder_channels=urls[:1])
    told = [(c.id, c.roles, c.from_priority) for c in read.channels]
    assert told == [
        ("lead", ["AI Lead"], "P2"),
        ("lead-2", ["AI Lead"], "P2"),
        ("founder", ["Founder or CEO"], "P1"),
    ]


def test_a_workflow_without_a_match_takes_the_templates_rows():
    assert workflow_of("chat | Chat | customer | Lead").matches == ["template:chat"]
    line = "chat|Chat|customer|Lead|openai:proj_1, langfuse:chat"
    assert workflow_of(line).matches == ["openai:proj_1", "langfuse:chat"]


def test_a_terminal_is_asked_again_until_an_answer_can_be_used(tmp_path):
    answers = iter([
        "", "Austria", "at", "nowhere", "Steiermark", "", "", "", "9-5", "", "", "",
        "Support chat", "", "clients", "customer", "Head of support", "",
        "Support chat", "support-chat", "chat-2", "", "", "", "",
    ])  # fmt: skip
    said = []
    terminal = Terminal(lambda _, proposal: next(answers) or proposal, said.append)
    read = store.load_settings(store.Folder(make(Given("acme-ltd"), tmp_path, terminal)))
    assert (read.company.name, read.company.subdivision) == ("Acme Ltd", "6")
    assert [(w.id, w.category) for w in read.workflows] == [
        ("support-chat", "customer"),
        ("chat-2", "internal"),
    ]
    assert len(said) == 5
    assert next(answers, None) is None


# The template


def test_the_workbook_offers_the_words_that_are_read_and_explains_each_column():
    book = workbook(["support-chat"])
    sheet, example, lists = book.worksheets
    assert [c.value for c in sheet[1]] == list(COLUMNS)
    assert sheet.freeze_panes == "A2"
    assert all(c.comment for c in sheet[1])
    assert [c.value for c in example["A"][1 : len(COLUMNS) + 1]] == list(COLUMNS)
    choices = sheet.data_validations.dataValidation
    places = [choice.formula1.partition("!")[2].replace("$", "") for choice in choices]
    offered = {tuple(c.value for column in lists[place] for c in column) for place in places}
    assert offered == {STATUSES, OUTPUT_CLASSES, ("support-chat",)}


@pytest.mark.parametrize("form", ["xlsx", "csv"])
@pytest.mark.parametrize("locale", ["en_AT", "en_GB"])
def test_the_empty_template_in_the_inbox_is_an_empty_file_not_an_unknown_one(
    form, locale, tmp_path
):
    read = made(tmp_path, locale=locale)
    folder = store.Folder(tmp_path / "acme")
    write_template(folder.inbox / f"mine.{form}", read)
    (row,) = inbox.ingest(folder, read).files.itertuples()
    assert (row.state, row.rows_in) == ("empty", 0)


def test_the_example_row_of_the_workbook_is_read_as_one_call(tmp_path):
    read = made(tmp_path, workflows=["support-chat|Support chat|customer|Lead"])
    folder = store.Folder(tmp_path / "acme")
    book = workbook(["support-chat"])
    book["Calls"].append([row[3].value for row in book["Example"].iter_rows(2, len(COLUMNS) + 1)])
    book.save(folder.inbox / "mine.xlsx")
    inbox.ingest(folder, read)
    (call,) = store.read_table(folder, store.CALLS).itertuples()
    assert str(call.ts) == "2026-11-23 08:30:00+00:00"  # 9:30 in Vienna
    assert (call.workflow, call.run_id, call.status) == ("support-chat", "ticket-1042", "ok")
    assert (call.input_tokens, call.output_tokens, float(call.cost)) == (1840, 310, 0.0125)


@pytest.mark.parametrize(
    ("name", "said"),
    [("a.xls", "ends in neither"), ("no/a.csv", "is no folder"), ("t.csv", "there")],
)
def test_a_template_is_written_where_nothing_lies(name, said, tmp_path):
    (tmp_path / "t.csv").touch()
    with pytest.raises(UsageError, match=said):
        write_template(tmp_path / name)


# As a person types it


def test_the_command_makes_a_folder_that_git_takes_without_what_is_private(opsbook, tmp_path):
    (tmp_path / "data").mkdir()
    done = opsbook("init", "acme", "--country", "AT", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["{", '"path":', '"data/acme"', "}"]
    (tmp_path / ".gitignore").write_text((ROOT / ".gitignore").read_text("utf-8"))
    private = ["inbox/a.csv", "exports/2026-11/a", "tables/calls/a", "records/texts/a.json"]
    for name in [*private, "register.xlsx", "records/events.jsonl", "regression/chat.xlsx"]:
        (tmp_path / "data/acme" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data/acme" / name).touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    listed = ["git", "ls-files", "-o", "--exclude-standard", "data"]
    taken = subprocess.run(listed, cwd=tmp_path, capture_output=True, text=True).stdout.split()
    assert {p.removeprefix("data/acme/") for p in taken} == {
        *(f"settings/{part}.toml" for part in store.SECTIONS if part != "corrections"),
        "corrections.toml",
        "inbox/README.md", "template.xlsx", "prompts/.gitkeep", "records/.gitkeep",
        "records/events.jsonl", "regression/.gitkeep", "regression/chat.xlsx",
    }  # fmt: skip


def test_the_command_says_what_is_wrong_in_a_sentence_and_exits_with_2(opsbook, tmp_path):
    (tmp_path / "data").mkdir()
    done = opsbook("init", "../acme", "--country", "AT", cwd=tmp_path)
    assert done.returncode == 2
    assert "no name for a company's folder" in done.stderr
    assert not (tmp_path.parent / "acme").exists()


def test_the_template_command_writes_the_companys_workflows_and_separator(opsbook, tmp_path):
    (tmp_path / "data").mkdir()
    words = ("--country", "AT", "--workflow", "chat|Chat|customer|Lead")
    opsbook("init", "acme", *words, cwd=tmp_path)
    done = opsbook("template", "t.csv", "--data", "data/acme", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "t.csv").read_text("utf-8-sig") == ";".join(COLUMNS) + "\n"
    assert opsbook("template", "t.xlsx", cwd=tmp_path).returncode == 0
    assert openpyxl.load_workbook(tmp_path / "t.xlsx").sheetnames[0] == "Calls"


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal is POSIX's")
def test_a_person_on_a_terminal_is_asked(tmp_path):
    import pty
    import sys

    (tmp_path / "data").mkdir()
    lead, led = pty.openpty()
    person = subprocess.Popen(
        [sys.executable, "-m", "opsbook", "init", "acme"],
        cwd=tmp_path, stdin=led, stdout=led, stderr=led,
    )  # fmt: skip
    os.write(lead, b"\nAT\n6\n\n\n\n\n\n\n\n")
    assert person.wait(60) == 0
    assert b"Opening hours [mon-fri 09:00-17:00]" in os.read(lead, 100_000)
    assert store.load_settings(store.Folder(tmp_path / "data/acme")).company.subdivision == "6"


# From nothing to a first report


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A working copy of what a clone holds, with one company made: `acme`, in Vienna."""
    place = tmp_path_factory.mktemp("first") / "project"
    for name in ("data/demo", "reports"):
        shutil.copytree(ROOT / name, place / name, ignore=GENERATED)
    shutil.copytree(ROOT / "notebooks", place / "notebooks")
    shutil.copy(ROOT / "_quarto.yml", place / "_quarto.yml")
    make(Given("acme", country="AT", workflows=["chat|Support chat|customer|Lead"]), place / "data")
    return place


def status(opsbook, project, *words: str) -> str:
    """The words of the home page after `make weekly`."""
    done = opsbook("review", "weekly", "--renderer", "embedded", *words, cwd=project)
    assert done.returncode == 0, done.stderr
    return plain((project / "_site/index.html").read_text("utf-8"))


@pytest.mark.xdist_group("site")
def test_a_first_report_comes_of_an_empty_inbox_and_then_of_ones_own_file(opsbook, project):
    begun = status(opsbook, project, "--data", "data/acme")
    assert "No export has arrived yet. Drop one into the company's inbox" in begun
    assert "Support chat Lead no data yet" in begun
    header, day = ",".join(COLUMNS), pd.Timestamp.now("UTC").date() - dt.timedelta(days=7)
    mine = project / "data/acme/inbox/mine.csv"
    mine.write_text(f"{header}\n{day} 10:00,bot,r1,gpt-4o,1000,100,,,ok,900,,answer\n")
    unclaimed = status(opsbook, project, "--data", "data/acme")
    assert "Calls have arrived, and no workflow claims them yet" in unclaimed
    mine.write_text(f"{header}\n{day} 10:00,chat,r1,gpt-4o,1000,100,,,ok,900,,answer\n")
    told = status(opsbook, project, "--data", "data/acme")
    assert "Begin here" not in told
    assert "Support chat Lead no P1 or P2" in told


@pytest.mark.xdist_group("site")
def test_a_site_shows_one_company_alone(opsbook, project):
    demo = status(opsbook, project, "--data", "data/demo", "--period", "2026-W40")
    assert "Customer mail drafts" in demo
    assert (project / "_site/reports/weekly/2026-W40.html").exists()
    own = status(opsbook, project, "--data", "data/acme")
    assert "Customer mail drafts" not in own
    shown = {p.stem for p in (project / "_site/reports/weekly").glob("*.html")} - {"index"}
    assert "2026-W40" not in shown
    assert len(shown) == 1
