"""Typed columns out of rows of text, keeping a reason for each row that has a value of no use."""

import hashlib
import json
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from opsbook.exports.reading import EMAIL, EMPTY, SECRET, Rows, masked
from opsbook.schema import DAY, UTC

SUSPECT = re.compile(f"{SECRET.pattern}|{EMAIL.pattern}")
LARGEST = 2.0**53
"""Larger numbers are not exact, and no count or cost is that large."""
ERA = (pd.Timestamp("2000-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC"))
TIME_EXAMPLE = "expected like 2026-11-23T14:00:00Z"


class Fields:
    """The columns of one file, read one by one; `reasons` holds why a row cannot be used."""

    def __init__(self, rows: Rows, comma: bool = False) -> None:
        """Rows as read; `comma` says that numbers are written with a decimal comma."""
        self.rows, self.comma = rows, comma
        self._cleaned: dict[str, pd.Series] = {}
        self.reasons = pd.Series(pd.NA, index=rows.frame.index, dtype="string")

    def text(self, name: str, required: bool = False) -> pd.Series:
        """A column as text, keys and addresses masked, blank and NULL as <NA>.

        All <NA> when the file has no such column.
        """
        values = self._raw(name)
        if required:
            self._refuse(name, values, values.isna(), "is missing", found=False)
        return _replaced(values, masked)

    def _raw(self, name: str) -> pd.Series:
        """A column as it stands, blank and NULL as <NA>; cleaned once, however often asked."""
        if name not in self._cleaned:
            self._cleaned[name] = self._clean(name)
        return self._cleaned[name]

    def _clean(self, name: str) -> pd.Series:
        if name not in self.rows.frame:
            return pd.Series(pd.NA, index=self.rows.frame.index, dtype="string")
        values = self.rows.frame[name].str.strip()
        return values.mask(values.str.lower().isin(EMPTY))

    def key(self, *names: str) -> pd.Series:
        """What identifies a row across exports: columns joined, secrets as a hash of themselves.

        Masking alone would make two keys with the same ending one.
        """
        parts = [self._raw(n).fillna("") for n in names]
        joined = parts[0].str.cat(parts[1:], sep="|") if len(parts) > 1 else parts[0]
        return _replaced(joined, _hashed)

    def number(self, name: str, required: bool = False, signed: bool = False) -> pd.Series:
        """A column as Float64: 10.0, 1e-05, 1,234.5, and 1.234,56 where the file writes commas.

        A number written in the other style than its file's is refused, never guessed.
        """
        texts = self._raw(name)
        plain = texts.str.replace(r"[$€\s\u00a0\u202f']", "", regex=True)
        thousands, point = (r"\.", ",") if self.comma else (",", r"\.")
        grouped = plain.str.fullmatch(
            rf"-?\d{{1,3}}(?:{thousands}\d{{3}})+(?:{point}\d+)?", na=False
        )
        plain = plain.mask(grouped, plain.str.replace(thousands, "", regex=True))
        if self.comma:
            strange = plain.str.contains(".", regex=False, na=False)
            plain = plain.mask(strange).str.replace(",", ".", regex=False)
        values = pd.to_numeric(plain.astype(object), errors="coerce").astype("float64")
        values = values.where(values.abs() <= LARGEST).astype("Float64")
        style = "a number with a decimal comma" if self.comma else "a number"
        self._refuse(name, texts, values.isna() & texts.notna(), f"is not {style}")
        if not signed:
            self._refuse(name, texts, values.notna() & (values < 0), "is below zero")
        if required:
            missing = "is missing; expected a number"
            self._refuse(name, texts, texts.isna(), missing, found=False)
        return values

    def integer(self, name: str, required: bool = False) -> pd.Series:
        """A column as Int64; `10.0` is ten, `10.5` is refused."""
        values = self.number(name, required)
        broken = values.notna() & (values % 1 != 0)
        self._refuse(name, self._raw(name), broken, "is not a whole number")
        return values.mask(broken).astype("Int64")

    def time(self, name: str, zone: str = "UTC") -> pd.Series:
        """A column as UTC: ISO 8601, epoch seconds or milliseconds, or dd.mm.yyyy HH:MM.

        A time without a zone is in `zone`; one that the change of clocks skips is refused, one
        that it doubles is taken as the first. 3/4/2026 is read as the company writes dates.
        """
        texts = self._raw(name).str.strip('"')
        epoch = _epoch(pd.to_numeric(texts.astype(object), errors="coerce").astype("float64"))
        written = texts.where(epoch.isna())
        zoned = written.str.contains(r"\d(?:Z|[+-]\d\d:?\d\d)$", regex=True, na=False)
        iso = written.where(written.str.match(r"\d{4}-\d\d", na=False))
        aware = pd.to_datetime(iso.where(zoned), utc=True, errors="coerce", format="ISO8601")
        naive = pd.to_datetime(iso.mask(zoned), errors="coerce", format="ISO8601").astype(DAY)
        naive = naive.fillna(_dated(written.where(iso.isna()), self.rows.month_first))
        local = naive.dt.tz_localize(zone, ambiguous=np.ones(len(naive), bool), nonexistent="NaT")
        values = epoch.fillna(aware.astype(UTC)).fillna(local.dt.tz_convert("UTC").astype(UTC))
        skipped = naive.notna() & local.isna()
        self._refuse(name, texts, skipped, f"does not exist in {zone}: the clocks go forward there")
        self._refuse(name, texts, values.isna(), f"is not a time; {TIME_EXAMPLE}")
        far = values.notna() & ~values.between(*ERA)
        self._refuse(name, texts, far, f"lies outside of 2000 to 2100; {TIME_EXAMPLE}")
        return values.mask(far)

    def mapping(self, name: str) -> pd.Series:
        """A column of JSON objects as dicts; an empty one where there is none."""
        return (
            self.text(name)
            .map(_object, na_action="ignore")
            .map(lambda v: v if isinstance(v, dict) else {})
        )

    def refuse_missing(self, name: str, values: pd.Series, needed: pd.Series) -> None:
        """Refuse rows that need a value in this column and have none."""
        self._refuse(name, values, needed & values.isna(), "is missing", found=False)

    def refuse_unknown(self, name: str, values: pd.Series, known: tuple[str, ...]) -> None:
        """Refuse rows whose value is none of the known ones; a missing value is none."""
        strange = values.notna() & ~values.isin(known)
        self._refuse(name, values, strange, f"is not known; expected one of {', '.join(known)}")

    def _refuse(
        self, name: str, texts: pd.Series, broken: pd.Series, why: str, found: bool = True
    ) -> None:
        """Give the rows a reason, with what was found unless nothing was; an earlier one stays."""
        new = broken & self.reasons.isna()
        if new.any():
            shown = texts[new].fillna("").map(lambda t: f'"{masked(t)[:60]}" ' if found else "")
            self.reasons = self.reasons.mask(new, f"{name} " + shown.astype("string") + why)

    def quarantine(self) -> pd.DataFrame:
        """Row, text and reason of every row that cannot be used, broken lines among them."""
        bad = self.reasons.dropna()
        frame = self.rows.frame.loc[bad.index].fillna("")
        texts = frame.agg(",".join, axis=1) if len(frame) else pd.Series(dtype="string")
        named = pd.DataFrame({"row": bad.index, "text": texts.to_list(), "reason": bad.to_list()})
        both = pd.concat([named, pd.DataFrame(self.rows.broken)], ignore_index=True)
        both = both.reindex(columns=["row", "text", "reason"])
        return both.assign(text=both.text.astype("string").map(masked)).sort_values("row")


def _replaced(values: pd.Series, instead: Callable[[str], str]) -> pd.Series:
    """The values, those that hold a key or an address replaced; one look does for most columns."""
    distinct = values.dropna().unique()
    if not SUSPECT.search("\n".join(distinct)):
        return values
    secrets = {v: instead(v) for v in distinct if SUSPECT.search(v)}
    return values.map(lambda v: secrets.get(v, v), na_action="ignore").astype("string")


def _hashed(text: str) -> str:
    return f"{masked(text)}#{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _object(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}


def _epoch(numbers: pd.Series) -> pd.Series:
    """Seconds or milliseconds since 1970 as times, from 2001 to 2286; <NA> for other numbers."""
    seconds = numbers.where(numbers.between(1e9, 1e10)).fillna(numbers / 1000)
    micros = (seconds.where(seconds.between(1e9, 1e10)) * 1e6).round()
    return pd.to_datetime(micros.astype("Int64"), unit="us", utc=True).astype(UTC)


def _dated(texts: pd.Series, month_first: bool) -> pd.Series:
    """Times written 3.11.2026 or 11/3/2026, with or without a time of day, without a zone."""
    slashed = "%m/%d/%Y" if month_first else "%d/%m/%Y"
    found = pd.Series(pd.NaT, index=texts.index, dtype=DAY)
    for form in (f"{d}{t}" for d in ("%d.%m.%Y", slashed) for t in (" %H:%M:%S", " %H:%M", "")):
        found = found.fillna(pd.to_datetime(texts, errors="coerce", format=form).astype(DAY))
    return found
