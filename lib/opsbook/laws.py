"""Legal dates: since when each duty holds, each with its source and the day it was looked up.

They are data (`legal-dates.toml`), not advice. What was looked up over a year ago is told as old.
"""

import datetime as dt
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

OLD_AFTER = dt.timedelta(days=365)
"""A law is amended within a year; what was looked up earlier may hold no more."""
CHECK = (
    "A person should check the consolidated text before anything is decided on these dates: "
    "Regulation (EU) 2026/1744 amended the AI Act in July 2026."
)


@dataclass(frozen=True)
class LegalDate:
    """One date: what holds from then on, the regulation and article, and when it was looked up."""

    id: str
    what: str
    date: dt.date
    source: str
    checked_on: dt.date

    def holds(self, day: dt.date) -> bool:
        """Whether it has come on a local day."""
        return self.date <= day

    def old(self, day: dt.date) -> bool:
        """Whether it was looked up over a year before a day."""
        return day - self.checked_on > OLD_AFTER


@cache
def legal_dates() -> dict[str, LegalDate]:
    """All of them by id, in their file's order, from the package's own data.

    >>> str(legal_dates()["annex-iii"].date)
    '2027-12-02'
    """
    text = resources.files("opsbook").joinpath("legal-dates.toml").read_text("utf-8")
    return {row["id"]: LegalDate(**row) for row in tomllib.loads(text)["dates"]}
