"""What the spec tests draw their tables with."""

import datetime as dt

import pandas as pd
import pytest

from opsbook.clock import business_clock, local_days
from opsbook.incidents import news
from opsbook.register import Register, fold_draft
from opsbook.rules import findings_of
from opsbook.settings import Settings

HOUR = pd.Timedelta(hours=1)
WEEK = {d: ["09:00-17:00"] for d in ("monday", "tuesday", "wednesday", "thursday", "friday")}


@pytest.fixture(scope="session")
def bavaria() -> Settings:
    """A company open Mon-Fri 09-17 in Bavaria, with one workflow of each kind of audience."""
    return Settings(
        company={
            "name": "Example",
            "zone": "Europe/Berlin",
            "country": "DE",
            "subdivision": "BY",
            "hours": WEEK,
        },
        workflows=[
            {
                "id": i,
                "name": i.capitalize(),
                "category": c,
                "owner": "Head",
                "matches": [f"template:{i}"],
            }
            for i, c in (("chat", "customer"), ("invoices", "internal"))
        ],
    )


@pytest.fixture(scope="session")
def calendar(bavaria):
    """The Bavarian company's days from 1 September 2026 to 15 January 2027."""
    return local_days(bavaria.company, dt.date(2026, 9, 1), dt.date(2027, 1, 15))


@pytest.fixture(scope="session")
def clock(bavaria):
    """The Bavarian company's business clock over the same days."""
    return business_clock(bavaria.company, dt.date(2026, 9, 1), dt.date(2027, 1, 15))


@pytest.fixture
def hours():
    """Draws one workflow's hours: '3/20' is 3 of 20 failed, '-' is no data, '0/0' no call."""

    def draw(text: str, start: str = "2026-11-10T08:00Z") -> pd.DataFrame:
        cells = [c.split("/") if c != "-" else (None, None) for c in text.split()]
        return pd.DataFrame(
            {
                "workflow": "chat",
                "hour": pd.date_range(start, periods=len(cells), freq="h"),
                "covered": [c[0] is not None for c in cells],
                "judged": pd.array([c[1] and int(c[1]) for c in cells], "Float64"),
                "failed": pd.array([c[0] and int(c[0]) for c in cells], "Float64"),
            }
        )

    return draw


@pytest.fixture
def when():
    """A moment in Berlin as UTC: when('Fri 2026-11-20 15:30')."""

    def read(text: str) -> pd.Timestamp:
        weekday, _, moment = text.partition(" ")
        at = pd.Timestamp(moment, tz="Europe/Berlin")
        assert at.strftime("%a") == weekday
        return at.tz_convert("UTC")

    return read


@pytest.fixture
def at(when):
    """A found moment in words: at(finding.started_at) is 'Tue 10 Nov 11:00' in Berlin."""
    return lambda moment: moment.tz_convert("Europe/Berlin").strftime("%a %-d %b %H:%M")


@pytest.fixture
def found(when):
    """Draws findings: (rule, workflow, priority, start, hours), over, or going on after "+"."""

    def draw(*rows: tuple) -> pd.DataFrame:
        return findings_of(
            [
                {
                    "rule": rule,
                    "method": "calendar",
                    "workflow": workflow,
                    "metric": "m",
                    "started_at": when(start),
                    "ended_at": when(start) + hours * HOUR,
                    "detected_at": when(start) + HOUR,
                    "priority": priority,
                    "state": "firing" if more else "over",
                    "reason": f"{rule} {start}",
                }
                for rule, workflow, priority, start, hours, *more in rows
            ]
        )

    return draw


@pytest.fixture
def opened(found, bavaria, clock, when):
    """The register after checks at the moments named, each with the findings of that moment."""

    def at(
        *checks: tuple[str, list], register: Register | None = None, providers: dict | None = None
    ) -> Register:
        register = register or Register()
        for moment, rows in checks:
            for draft in news(
                register, found(*rows), bavaria, clock, providers or {}, when(moment)
            ):
                fold_draft(register, draft, when(moment))
        return register

    return at
