"""corrections.toml: what an export tells wrongly is left out or set right, and said."""

import os

import pytest

from opsbook import inbox, store
from opsbook.errors import SettingsError
from opsbook.schema import CALLS, FILES

WORKFLOWS = """[[workflows]]
id = "chat"
name = "Chat"
category = "customer"
owner = "Head of support"
matches = ["template:chat"]
"""
EXPORT = """ts,workflow,run_id,model,input_tokens,output_tokens,cost,currency
2026-11-02T09:00Z,chat,run-1,gpt-5-mini,100,10,1.00,EUR
2026-11-02T10:00Z,chat,load-1,gpt-5-mini,100,10,1.00,EUR
2026-11-02T11:00Z,chat,load-2,gpt-5-mini,100,10,1.00,EUR
2026-11-03T09:00Z,chat,run-2,gpt-5.1,100,10,1.00,USD
"""


@pytest.fixture
def corrected(small_company, tmp_path):
    """Calls and the file's row after an inbox with EXPORT was read under a corrections.toml."""

    def read(text: str):
        small_company(tmp_path, workflows=WORKFLOWS)
        (tmp_path / "corrections.toml").write_text(text, "utf-8")
        (tmp_path / "inbox").mkdir(exist_ok=True)
        path = tmp_path / "inbox/calls.csv"
        path.write_text(EXPORT, "utf-8")
        os.utime(path, (1_790_000_000, 1_790_000_000))
        folder = store.Folder(tmp_path)
        inbox.ingest(folder, store.load_settings(folder))
        (file,) = store.read_table(folder, FILES).itertuples()
        return store.read_table(folder, CALLS).sort_values("ts"), file

    return read


def entry(**said: str) -> str:
    told = {"reason": '"Load test, not production"', "action": '"leave out"'} | said
    return "[[corrections]]\n" + "".join(f"{k} = {v}\n" for k, v in told.items())


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"run_id": '"load-*"'}, ["run-1", "run-2"]),
        ({"run_id": '"load-2"'}, ["run-1", "load-1", "run-2"]),
        ({"model": '"gpt-5.1"'}, ["run-1", "load-1", "load-2"]),
        ({"row": "2"}, ["load-1", "load-2", "run-2"]),
        ({"last": "2026-11-02T12:00:00+01:00"}, ["load-2", "run-2"]),
        ({"first": "2026-11-02T12:00:00+01:00"}, ["run-1", "load-1"]),
        ({"source": '"litellm"'}, ["run-1", "load-1", "load-2", "run-2"]),
        ({"file": '"others.csv"'}, ["run-1", "load-1", "load-2", "run-2"]),
        ({"file": '"calls*"', "account": '"chat"', "run_id": '"run-?"'}, ["load-1", "load-2"]),
        ({}, []),
    ],
)
def test_calls_are_left_out_by_what_names_them(corrected, said, kept):
    calls, file = corrected(entry(**said))
    assert calls.run_id.tolist() == kept
    assert (file.rows_in, file.loaded, file.known, file.quarantined) == (4, 4, 0, 0)


def test_the_data_page_says_what_was_left_out_and_why(corrected):
    _, file = corrected(entry(run_id='"load-*"'))
    assert file.problem == "2 rows left out by corrections.toml, entry 1: Load test, not production"


def test_a_cost_that_is_set_right_is_turned_into_the_companys_currency(corrected):
    wrong = entry(
        run_id='"run-2"', action='"set"', values='{ cost = 0.25, currency = "EUR" }',
        reason='"Billed in cents"',
    )  # fmt: skip
    calls, file = corrected(entry(run_id='"load-1"') + wrong)
    assert calls.cost_eur.tolist() == [1.0, 1.0, 0.25]
    assert file.problem.endswith("; 1 row set right by corrections.toml, entry 2: Billed in cents")


def test_a_correction_taken_back_brings_the_calls_back(corrected):
    assert len(corrected(entry())[0]) == 0
    assert len(corrected("# none")[0]) == 4


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"reason": '""'}, "reason"),
        ({"action": '"set"'}, 'expected with action = "set"'),
        ({"values": "{ cost = 1.0 }"}, 'expected with action = "set"'),
        ({"action": '"set"', "values": "{ cost = 1.0 }"}, "together with its currency"),
        ({"action": '"set"', "values": "{ row_key = 1 }"}, "'row_key' is not one of account"),
        ({"action": '"set"', "values": "{ input_tokens = 1.5 }"}, "expected a whole number"),
        ({"action": '"set"', "values": "{ latency_ms = -1 }"}, "expected a number"),
        ({"action": '"set"', "values": '{ status = "fine" }'}, "expected one of ok, error"),
        ({"first": "2026-11-03T00:00:00"}, "has no zone"),
    ],
)
def test_a_correction_that_cannot_be_followed_stops_with_what_was_expected(corrected, said, told):
    with pytest.raises(SettingsError, match=r"corrections\.toml") as problem:
        corrected(entry(**said))
    assert told in str(problem.value)
