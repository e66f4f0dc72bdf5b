"""What the spec tests draw their tables with."""

import datetime as dt
from types import SimpleNamespace

import pandas as pd
import pytest

from opsbook.clock import business_clock, local_days
from opsbook.incidents import news, timers
from opsbook.outcomes import Outcomes
from opsbook.periods import period
from opsbook.register import Register, fold_draft
from opsbook.registers import SHEETS, Registers
from opsbook.reviews import Review
from opsbook.rules import findings_of
from opsbook.schema import COVERAGE, FILES, FINDINGS, QUARANTINE
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


@pytest.fixture
def review(bavaria, calendar, clock):
    """A period's review over days drawn as 'chat 2026-10-01 2026-10-31 calls=20 cost=2'.

    review("2026-10", *days, now="2026-11-10", findings=..., register=..., run_cost=..., hours=...)
    """
    return Drawn(bavaria, calendar, clock)


class Drawn:
    """Makes reviews of drawn frames: what no line draws, no export covers."""

    def __init__(self, settings, calendar, clock):
        self.settings, self.calendar, self.clock = settings, calendar, clock

    def __call__(self, name, *lines, now="2026-11-10", **more):
        settings = more.get("settings", self.settings)
        one, days = period(name), self.days(lines)
        register = more.get("register", Register())
        moment = pd.Timestamp(now, tz="Europe/Berlin").tz_convert("UTC")
        return Review(
            period=one,
            now=moment,
            settings=settings,
            facts=SimpleNamespace(
                days=days, calendar=self.calendar, clock=self.clock, now=moment,
                grid=days.rename(columns={"started_at": "hour"}), measures=NO_MEASURES,
                coverage=COVERAGE.conform(spans(days)),
            ),
            judged=SimpleNamespace(
                findings=more.get("findings", FINDINGS.empty()),
                run_cost=more.get("run_cost", bands("chat", "")),
                spend=days.iloc[:0].assign(center=0.0, upper=0.0),
            ),
            register=register,
            registers=registers(more.get("sheets", {})),
            incidents=register.frame(),
            timers=timers(register, settings, self.clock),
            files=FILES.empty(),
            quarantine=QUARANTINE.empty(),
            texts={},
            outcomes=Outcomes(),
        )  # fmt: skip

    @staticmethod
    def bands(workflow, *stretches):
        """Days of `rules.cost.run_cost_bands`, drawn as '2026-09-01 2026-09-30 0.10 ok'."""
        return bands(workflow, *stretches)

    def days(self, lines):
        rows = [row for line in lines for row in self.line(line)]
        frame = pd.DataFrame(rows, columns=["workflow", "day", *DAILY]).merge(
            self.calendar.assign(day=self.calendar.day.astype("datetime64[us]")), on="day"
        )
        share = frame.pop("covered_share").astype(float)
        typed = frame.astype(dict.fromkeys(DAILY[:-1], "Float64"))
        return typed.assign(covered_share=share, covered=share == 1)

    def line(self, line):
        workflow, first, last, *told = line.split()
        figures = {k: float(v) for k, _, v in (t.partition("=") for t in told)}
        names = {"cost": "cost_eur", "covered": "covered_share"}
        values = dict.fromkeys(DAILY) | {"covered_share": 1.0}
        values |= {names.get(k, k): v for k, v in figures.items()}
        return [{"workflow": workflow, "day": d} | values for d in pd.date_range(first, last)]


DAILY = [
    "calls", "judged", "failed", "refused", "input_tokens", "output_tokens", "cost_eur", "runs",
    "ok_runs", "covered_share",
]  # fmt: skip
NO_MEASURES = pd.DataFrame(
    {"workflow": [], "metric": [], "hour": pd.to_datetime([], utc=True), "value": [], "sample": []}
)


def spans(days):
    """What the drawn days cover, one row per workflow."""
    seen = days.groupby("workflow", as_index=False).agg(
        covered_from=("started_at", "min"), covered_to=("ended_at", "max")
    )
    return seen.assign(file_id="f", source="template", bucket_s=0, has_status=True)


def registers(sheets):
    """The sheets of register.xlsx from rows with some of their fields."""
    empty = {name: SHEETS[name].empty() for name in sheets}
    return Registers(
        **{
            name: pd.DataFrame(rows)
            .reindex(columns=empty[name].columns)
            .astype(empty[name].dtypes.to_dict())
            for name, rows in sheets.items()
        }
    )


def bands(workflow, *stretches):
    drawn = [s.split() for s in stretches if s]
    rows = [
        {"workflow": workflow, "day": d, "observed_eur": float(eur), "state": state}
        for first, last, eur, state in drawn
        for d in pd.date_range(first, last)
    ]
    frame = pd.DataFrame(rows, columns=["workflow", "day", "observed_eur", "state"])
    day = pd.to_datetime(frame.day)
    begun = day.dt.tz_localize("Europe/Berlin").dt.tz_convert("UTC")
    return frame.assign(day=day, from_day=day, started_at=begun)
