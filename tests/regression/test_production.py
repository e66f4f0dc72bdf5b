"""Did production's inputs change? Lengths from exports, language and words from texts given."""

import pandas as pd
import pytest

from opsbook import inbox, store
from opsbook.errors import UsageError
from opsbook.production import beside, texts_of
from opsbook.regression.cases import Answer, Case

NOW = pd.Timestamp("2026-11-23T07:00Z")
APPROVED = [Answer(i, 1, "x", input_tokens=100, at="2026-11-02T08:00:00+00:00") for i in "ab"]
INPUTS = (
    "Wo bleibt meine Bestellung? Sie sollte gestern kommen.",
    "Wann kommt meine Bestellung? Ich brauche sie morgen.",
)
CASES = [Case(str(i), "chat", text, (("E2", "x"),)) for i, text in enumerate(INPUTS)]


@pytest.fixture
def company(small_company, tmp_path):
    """A company with calls of as many input tokens as said, before and after 10 November."""

    def made(before, after, per_day=30):
        place = small_company(tmp_path / "acme")
        rows = [
            f"{day:%Y-%m-%d}T10:{i:02}:00Z,chat,r{day:%j}-{i},m,{tokens},5,,,ok"
            for day in pd.date_range("2026-10-12", "2026-11-22")
            for i in range(per_day)
            if (tokens := before if day < pd.Timestamp("2026-11-10") else after)
        ]
        (place / "inbox").mkdir()
        head = "ts,workflow,run_id,model,input_tokens,output_tokens,cost,currency,status"
        (place / "inbox" / "calls.csv").write_text("\n".join([head, *rows]))
        folder = store.Folder.at(place)
        inbox.ingest(folder, store.load_settings(folder))
        return folder

    return made


def test_lengths_are_told_against_the_days_before_the_approved_run_and_against_the_list(company):
    told = beside(company(200, 500), "chat", APPROVED, NOW)
    assert (told.length_ratio, told.list_ratio) == (2.5, 5.0)
    assert (told.new_words, told.other_language) == (None, None)


def test_of_few_calls_nothing_is_said(company):
    told = beside(company(200, 500, per_day=2), "chat", APPROVED, NOW)
    assert told.length_ratio is None


def test_a_company_without_an_export_is_told_nothing(small_company, tmp_path):
    told = beside(store.Folder.at(small_company(tmp_path / "acme")), "chat", APPROVED, NOW)
    assert (told.length_ratio, told.list_ratio, told.new_words) == (None, None, None)


@pytest.mark.parametrize(
    ("texts", "foreign", "many"),
    [
        (["Wo bleibt meine Bestellung von gestern?"], 0.0, False),
        (["Where is the parcel that I ordered last week?"], 1.0, True),
    ],
)
def test_texts_tell_language_and_words(company, texts, foreign, many):
    told = beside(company(200, 200), "chat", APPROVED, NOW, CASES, texts)
    assert told.other_language == foreign
    assert (told.new_words > told.usual_new_words) is many


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "one\n\ntwo\n"),
        ("a.csv", "id,input\n1,one\n2,two\n"),
        ("a.jsonl", '{"input": "one"}\n{"prompt": "two"}\n'),
    ],
)
def test_inputs_are_read_as_lines_table_or_json(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert texts_of(tmp_path / name) == ["one", "two"]


@pytest.mark.parametrize(("name", "content"), [("a.csv", "id\n1\n"), ("a.jsonl", "no\n")])
def test_a_file_without_inputs_says_what_is_expected(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match="expected"):
        texts_of(tmp_path / name)
