"""Typed columns out of rows of text, keeping a reason for each row that has a value of no use."""

import json

import pandas as pd

from opsbook.exports.reading import EMPTY, Rows, masked
from opsbook.schema import UTC

TIME_EXAMPLE = "expected like 2026-11-23T14:00:00Z"


class Fields:
    """The columns of one file, read one by one; `reasons` holds why a row cannot be used."""

    def __init__(self, rows: Rows, comma: bool = False) -> None:
        """Rows as read; `comma` says that numbers are written with a decimal comma."""
        self.rows, self.comma = rows, comma
        self.reasons = pd.Series(pd.NA, index=rows.frame.index, dtype="string")

    def text(self, name: str) -> pd.Series:
        """A column as text, blank and NULL as <NA>; all <NA> when the file has no such column."""
        if name not in self.rows.frame:
            return pd.Series(pd.NA, index=self.rows.frame.index, dtype="string")
        values = self.rows.frame[name].str.strip()
        return values.mask(values.str.lower().isin(EMPTY))

    def number(self, name: str, required: bool = False) -> pd.Series:
        """A column as Float64: 10.0, 1e-05, and 1.234,56 where the file writes commas."""
        texts = self.text(name)
        plain = texts.str.replace(r"[$€\s\u00a0]", "", regex=True)
        if self.comma:
            plain = plain.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
        values = pd.to_numeric(plain, errors="coerce").astype("Float64")
        self._refuse(name, texts, values.isna() & texts.notna(), "is not a number")
        self._refuse(name, texts, values.notna() & (values < 0), "is below zero")
        if required:
            self._refuse(name, texts, texts.isna(), "is missing; expected a number")
        return values

    def integer(self, name: str, required: bool = False) -> pd.Series:
        """A column as Int64; `10.0` is ten, `10.5` is refused."""
        values = self.number(name, required)
        broken = values.notna() & (values % 1 != 0)
        self._refuse(name, self.text(name), broken, "is not a whole number")
        return values.mask(broken).astype("Int64")

    def time(self, name: str, zone: str = "UTC", day_first: bool = False) -> pd.Series:
        """A column as UTC: ISO 8601, epoch seconds, or `dd.mm.yyyy HH:MM` where `day_first`.

        A time without a zone is in `zone`; one that the change of clocks skips is refused, one
        that it doubles is taken as the first.
        """
        texts = self.text(name).str.strip('"')
        seconds = pd.to_numeric(texts, errors="coerce")
        epoch = pd.to_datetime(seconds, unit="s", utc=True, errors="coerce").astype(UTC)
        written = texts.where(seconds.isna())
        zoned = written.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True, na=False)
        aware = pd.to_datetime(
            written.where(zoned), utc=True, errors="coerce", format="ISO8601"
        ).astype(UTC)
        values = epoch.fillna(aware).fillna(_local(written.mask(zoned), zone, day_first))
        self._refuse(name, texts, values.isna(), f"is not a time; {TIME_EXAMPLE}")
        return values

    def mapping(self, name: str) -> pd.Series:
        """A column of JSON objects as dicts; an empty one where there is none."""
        return (
            self.text(name)
            .map(_object, na_action="ignore")
            .map(lambda v: v if isinstance(v, dict) else {})
        )

    def refuse_unknown(self, name: str, values: pd.Series, known: tuple[str, ...]) -> None:
        """Refuse rows whose value is none of the known ones; a missing value is none."""
        strange = values.notna() & ~values.isin(known)
        self._refuse(name, values, strange, f"is not known; expected one of {', '.join(known)}")

    def _refuse(self, name: str, texts: pd.Series, broken: pd.Series, why: str) -> None:
        """Give the rows a reason, unless they have an earlier one."""
        found = f"{name} " + texts.fillna("").map(lambda t: f'"{masked(t)[:60]}" ') + why
        self.reasons = self.reasons.mask(broken & self.reasons.isna(), found)

    def quarantine(self) -> pd.DataFrame:
        """Row, text and reason of every row that cannot be used, broken lines among them."""
        bad = self.reasons.dropna()
        frame = self.rows.frame.loc[bad.index].fillna("")
        texts = frame.agg(",".join, axis=1) if len(frame) else pd.Series(dtype="string")
        named = pd.DataFrame({"row": bad.index, "text": texts.to_list(), "reason": bad.to_list()})
        both = pd.concat([named, pd.DataFrame(self.rows.broken)], ignore_index=True)
        both = both.reindex(columns=["row", "text", "reason"])
        return both.assign(text=both.text.astype("string").map(masked)).sort_values("row")


def _object(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _local(texts: pd.Series, zone: str, day_first: bool) -> pd.Series:
    """Times without a zone, read in `zone`."""
    form = {"dayfirst": True, "format": "mixed"} if day_first else {"format": "ISO8601"}
    naive = pd.to_datetime(texts, errors="coerce", **form)
    local = naive.dt.tz_localize(zone, ambiguous=True, nonexistent="NaT")
    return local.dt.tz_convert("UTC").astype(UTC)
