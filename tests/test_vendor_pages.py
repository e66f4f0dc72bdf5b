"""The page on vendors: what people wrote is escaped, and each table has its sentence when empty."""

from types import SimpleNamespace

import pandas as pd
import pytest

from opsbook import vendor_pages
from opsbook.clock import business_clock, local_days
from opsbook.registers import SHEETS, Registers, changes
from opsbook.settings import Settings

EVIL = '<img src=x onerror="alert(1)"> {{< env KEY >}} **bold** [x](javascript:1)'
DAY = pd.Timestamp("2026-12-01")
NUMBER = {"number": 3.0, "day": DAY}


def hostile(sheet: str) -> pd.DataFrame:
    """A row whose every text is hostile."""
    fields = SHEETS[sheet].fields
    row = {n: NUMBER.get(f.kind, EVIL) for n, f in fields.items()}
    told = row | {n: f.values[0] for n, f in fields.items() if f.values} | {"id": "X-1"}
    told |= {"workflows": "chat", "cell": "x"} if sheet == "notices" else {"cell": "x"}
    empty = SHEETS[sheet].empty()
    return pd.DataFrame([told])[list(empty.columns)].astype(empty.dtypes.to_dict())


@pytest.fixture
def review():
    def on(**sheets) -> SimpleNamespace:
        settings = Settings(
            company={"name": "Example", "zone": "Europe/Berlin", "country": "DE",
                     "hours": {"monday": ["09:00-17:00"]}},
            workflows=[{"id": "chat", "name": EVIL, "category": "customer", "owner": "Head",
                        "matches": ["template:chat"]}],
        )  # fmt: skip
        first, last = pd.Timestamp("2026-10-01").date(), pd.Timestamp("2027-02-01").date()
        at = pd.DatetimeIndex(["2026-11-20T10:00Z"])
        grid = ["workflow", "hour", "covered", "bucket_s", "calls", "input_tokens", "judged",
                "failed"]  # fmt: skip
        names = ["rule", "method", "workflow", "priority", "started_at"]
        return SimpleNamespace(
            now=pd.Timestamp("2026-11-23T07:00Z"),
            started_at=pd.Timestamp("2026-11-15T23:00Z"),
            settings=settings,
            registers=Registers(
                **sheets,
                problems=(f"register.xlsx, Notices!A2: {EVIL}",) if sheets else (),
                changes=changes(SimpleNamespace(row_notes=[]), str),
            ),
            judged=SimpleNamespace(findings=pd.DataFrame(columns=names)),
            facts=SimpleNamespace(
                grid=pd.DataFrame(columns=grid).assign(hour=at[:0]),
                lists=pd.DataFrame(columns=["workflow", "run", "at", "verdict", "asked_model"]),
                clock=business_clock(settings.company, first, last),
                calendar=local_days(settings.company, first, last),
                models=pd.DataFrame({"workflow": ["chat"], "request_model": [EVIL],
                                     "served_model": [EVIL]}).assign(last_seen=at),
            ),
        )  # fmt: skip

    return on


PIECES = ("lead", "notices", "ends", "schedule", "contracts", "problems")


@pytest.mark.parametrize("piece", PIECES)
def test_hostile_words_of_a_register_are_shown_as_the_words_they_are(review, piece):
    own = review(notices=hostile("notices"), contracts=hostile("contracts"))
    ending = own.registers.notices.assign(kind="end of life")
    own = review(notices=ending, contracts=own.registers.contracts)
    shown = getattr(vendor_pages, piece)(own)
    assert "<img" not in shown
    assert "{{<" not in shown
    assert "&lt;img src=x" in shown


@pytest.mark.parametrize("piece", PIECES)
def test_without_a_register_every_piece_says_so_in_a_sentence(review, piece):
    shown = getattr(vendor_pages, piece)(review())
    assert "<table" not in shown
    assert len(shown) > 20
