"""Typed columns out of a file's cells, as SQL, with a reason for each row that cannot be used.

A reader asks for its columns here and gets the name of each value. What it asked for becomes one
statement: the cells, the values made of them, and what is wrong with a row.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from opsbook.exports.cells import literal

TIME_EXAMPLE = "expected like 2026-11-23T14:00:00Z"
NUMERIC = ("BIGINT", "INTEGER", "DOUBLE", "FLOAT", "DECIMAL", "UBIGINT", "SMALLINT", "HUGEINT")
NOTHING = "NULL::VARCHAR"
VALUE = re.compile(r"\bv\d+\b")
"""The names of values; the cells they are made of are called c0, c1, ..."""


@dataclass
class Fields:
    """The columns of one file, asked for one by one.

    `columns` holds, per header field, the cell's name in SQL and its type there. `comma` says that
    numbers are written with a decimal comma, `month_first` that 3/4/2026 is in March; `zone` is
    that of times without one, unless a reader names another. Everything returned is SQL.
    """

    columns: dict[str, tuple[str, str]]
    zone: str = "UTC"
    comma: bool = False
    month_first: bool = False
    problems: list[tuple[str, str]] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    _names: dict[str, str] = field(default_factory=dict)
    _steps: list[list[str]] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether the file has such a column."""
        self.asked.add(name)
        return name in self.columns

    def text(self, name: str, required: bool = False) -> str:
        """A column as text, keys and addresses masked, blank and NULL as NULL.

        NULL throughout when the file has no such column.
        """
        if required:
            self.refuse_missing(name, self.cell(name))
        return self.value(f"hidden({self.cell(name)})")

    def cell(self, name: str) -> str:
        """A column's text as it stands, blank and NULL as NULL."""
        if not self.has(name):
            return NOTHING
        column, kind = self.columns[name]
        return self.value(f"cell({column if kind == 'VARCHAR' else f'{column}::VARCHAR'})")

    def key(self, *names: str) -> str:
        """What identifies a row across exports: one column itself, several as a hash of them."""
        cells = [self.cell(n) for n in names]
        if len(cells) == 1:
            return f"identity({cells[0]})"
        parts = ", ".join(f"coalesce({c}, '')" for c in cells)
        return f"md5(concat_ws('|', {parts}))"

    def number(self, name: str, required: bool = False, signed: bool = False) -> str:
        """A column as DOUBLE: 10.0, 1e-05, 1,234.5, and 1.234,56 where the file writes commas.

        A number written in the other style than its file's is refused, never guessed.
        """
        self.numbers.add(name)
        if not self.has(name):
            return "NULL::DOUBLE"
        column, kind = self.columns[name]
        style = "comma" if self.comma else "point"
        if kind.startswith(NUMERIC):
            value, there = self.value(f"exact({column})"), f"{column} IS NOT NULL"
        else:
            value = self.value(f"number_with_{style}({column})")
            there = f"cell({column}) IS NOT NULL"
        strange = f"CASE WHEN {value} IS NULL THEN {there} ELSE false END"
        words = "a number with a decimal comma" if self.comma else "a number"
        self.refuse(strange, name, f"is not {words}")
        if required:
            self.refuse(f"{value} IS NULL", name, "is missing; expected a number", found=False)
        if not signed:
            self.refuse(f"{value} < 0", name, "is below zero")
        return value

    def integer(self, name: str, required: bool = False) -> str:
        """A column as BIGINT; `10.0` is ten, `10.5` is refused."""
        value = self.number(name, required)
        if self.has(name) and self.columns[name][1] != "BIGINT":
            self.refuse(f"{value} <> floor({value})", name, "is not a whole number")
        return f"{value}::BIGINT"

    def time(self, name: str, zone: str = "UTC", needed: str = "true") -> str:
        """A column as UTC: ISO 8601, an epoch's seconds or parts of them, or dd.mm.yyyy HH:MM.

        A time without a zone is in `zone`; one that the change of clocks skips is refused, one
        that it doubles is taken as the first. 3/4/2026 is read as the company writes dates. A row
        that has no time is refused where it is `needed`.
        """
        if not self.has(name):
            self.refuse(needed, name, f"is missing; {TIME_EXAMPLE}", found=False)
            return "NULL::TIMESTAMPTZ"
        column, kind = self.columns[name]
        if kind == "TIMESTAMP WITH TIME ZONE":
            cell, read = column, column
        elif kind in ("TIMESTAMP", "DATE"):
            cell, read = column, f"on_the_wall({column}::TIMESTAMP, {literal(zone)})"
        else:
            cell = f"trim(cell({column}), '\"')"
            slashed = "%m/%d" if self.month_first else "%d/%m"
            read = f"any_time({column}, {literal(zone)}, {literal(slashed)})"
        moment = self.value(read)
        value = self.value(f"in_the_era({moment})")
        self._refuse_skipped(name, cell, moment, zone)
        for bad, why in ((moment, "is not a time"), (value, "lies outside of 2000 to 2100")):
            self.refuse(f"({needed}) AND {bad} IS NULL", name, f"{why}; {TIME_EXAMPLE}")
        return value

    def _refuse_skipped(self, name: str, cell: str, moment: str, zone: str) -> None:
        """Refuse times that the change of clocks skips."""
        if zone != "UTC" and self.columns[name][1] == "VARCHAR":
            slashed = "%m/%d" if self.month_first else "%d/%m"
            wall = f"naive({cell}, {literal(slashed)})"
            skipped = f"CASE WHEN {moment} IS NULL THEN {wall} IS NOT NULL ELSE false END"
            self.refuse(skipped, name, f"does not exist in {zone}: the clocks go forward there")

    def json(self, name: str, *path: str) -> str:
        """The text at a path of a column's JSON object, masked; NULL where there is none."""
        place = literal("$" + "".join(f'."{step}"' for step in path))
        whole = self.value(f"CASE WHEN json_valid({self.cell(name)}) THEN {self.cell(name)} END")
        found = self.value(f"json_extract_string({whole}, {place})")
        return self.value(f"hidden({self.value(f'cell({found})')})")

    def tokens(self, name: str, begins: Sequence[str]) -> str:
        """All counts of a JSON object whose key begins so, added up; NULL where there is none."""
        which = " OR ".join(f"starts_with(e.key, {literal(b)})" for b in begins)
        return self._counts(name, which)

    def token(self, name: str, keys: Iterable[str]) -> str:
        """The count at the first of these keys that a JSON object has; NULL where there is none."""
        told = self.value(f"object({self.cell(name)})")
        cells = [f"{told}[{literal(k)}]" for k in keys]
        return self.value("coalesce(" + ", ".join(_counted(c) for c in cells) + ")")

    def _counts(self, name: str, which: str) -> str:
        told = self.value(f"object({self.cell(name)})")
        entries = f"[tokens(e.value) FOR e IN map_entries({told}) IF {which}]"
        return self.value(f"list_sum({entries})::BIGINT")

    def refuse(self, condition: str, name: str, why: str, found: bool = True) -> None:
        """Rows that cannot be used, and why; the first reason that holds is the row's.

        The reason quotes what was found in the column, unless nothing was.
        """
        shown = f"""'"' || left(masked({self.cell(name)}), 60) || '" '"""
        quoted = f"coalesce({shown}, '') || " if found else ""
        self.problems.append((condition, f"{literal(name + ' ')} || {quoted}{literal(why)}"))

    def refuse_missing(self, name: str, value: str, needed: str = "true") -> None:
        """Refuse rows that need a value in this column and have none."""
        self.refuse(f"({needed}) AND {value} IS NULL", name, "is missing", found=False)

    def refuse_unknown(self, name: str, value: str, known: Sequence[str]) -> None:
        """Refuse rows whose value is none of the known ones; a missing value is none."""
        cases = " ".join(f"WHEN {literal(k)} THEN false" for k in known)
        why = f"is not known; expected one of {', '.join(known)}"
        self.refuse(f"CASE {value} {cases} ELSE {value} IS NOT NULL END", name, why)

    def value(self, sql: str) -> str:
        """The name of a value: worked out once a row, after the values that it is made of."""
        if sql in self._names:
            return self._names[sql]
        made_of = set(VALUE.findall(sql))
        after = (n for n, step in enumerate(self._steps, start=1) if made_of & set(step))
        place = max(after, default=0)
        name = self._names[sql] = f"v{len(self._names)}"
        self._steps += [[] for _ in range(place + 1 - len(self._steps))]
        self._steps[place].append(name)
        return name

    def query(self, source: str) -> str:
        """All rows of a source (a table, or a reading of a file) with every value asked for."""
        made = {name: sql for sql, name in self._names.items()}
        for step in self._steps:
            values = ", ".join(f"{made[name]} AS {name}" for name in step)
            source = f"(SELECT *, {values} FROM {source})"
        return source

    @property
    def reason(self) -> str:
        """Why a row cannot be used; NULL where it can."""
        cases = " ".join(f"WHEN {condition} THEN {why}" for condition, why in self.problems)
        return f"CASE {cases} END" if cases else NOTHING

    @property
    def odd(self) -> str:
        """Whether a row cannot be used."""
        return " OR ".join(f"coalesce({c}, false)" for c, _ in self.problems) or "false"


def _counted(cell: str) -> str:
    return f"CASE WHEN {cell} IS NOT NULL THEN tokens({cell}) END"


def first(*values: str) -> str:
    """The first of these values that is there."""
    return f"coalesce({', '.join(values)})"
