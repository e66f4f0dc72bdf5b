"""What the exports cover: the only way to tell zero tasks from no export.

An absent row inside a stretch that a file covers is a zero; outside of every stretch it is no data.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from opsbook.schema import COVERAGE, INT, TEXT, UNASSIGNED, UTC
from opsbook.settings import Company, Settings

HOUR = pd.Timedelta(hours=1)


def covered(
    span: tuple[pd.Timestamp | None, pd.Timestamp | None],
    workflows: Iterable[str],
    source: str,
    settings: Settings,
    stated: tuple[pd.Timestamp | None, pd.Timestamp | None] = (None, None),
    bucket_s: int = 0,
    has_status: bool = True,
    until: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """One COVERAGE row (without its file) per workflow that a file speaks of.

    `span` is its first and its last call's time, `workflows` those it holds calls of. It speaks of
    these and of every workflow that the settings map to its source. Totals state what they cover;
    single calls cover the company's whole days from their first to their last, so that a workflow
    without a row in a week's file ran zero times. Nothing is covered past `until`, the moment the
    file arrived: it cannot speak of what came later.
    """
    first, last = stated if stated[0] is not None else whole_days(span, settings.company)
    if first is None:
        return COVERAGE.empty()
    last = last if until is None else max(first, min(last, until))
    mapped = {
        w.id
        for w in settings.workflows
        if any(fnmatchcase(source, m.partition(":")[0].lower()) for m in w.matches)
    }
    row = {
        "source": source,
        "covered_from": first,
        "covered_to": last,
        "bucket_s": bucket_s,
        "has_status": has_status,
    }
    return pd.DataFrame([row | {"workflow": w} for w in sorted(mapped.union(workflows))])


def whole_days(
    span: tuple[pd.Timestamp | None, pd.Timestamp | None], company: Company
) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """Local midnight before the first call and after the last, in UTC; None without calls."""
    if span[0] is None:
        return None, None
    ends = pd.DatetimeIndex(span).tz_convert(company.zone)
    first, last = ends.tz_localize(None).normalize()
    days = pd.DatetimeIndex([first, last + pd.Timedelta(days=1)])
    start, end = days.tz_localize(company.zone, ambiguous=[True, True]).tz_convert("UTC")
    return start, end


def covered_hours(coverage: pd.DataFrame, panel: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Every workflow in every hour from the first that anything covers up to `now`.

    Columns workflow, hour, covered, bucket_s (the finest of the files that cover it). Hours with a
    call are covered whatever the files state.
    """
    workflows = sorted(set(coverage.workflow) | set(panel.workflow))
    starts = [*coverage.covered_from.dropna(), *panel.hour]
    if not starts:
        types = {"workflow": TEXT, "hour": UTC, "covered": bool, "bucket_s": INT}
        return pd.DataFrame({name: pd.Series(dtype=t) for name, t in types.items()})
    hours = pd.date_range(min(starts).floor("h"), now.ceil("h"), freq="h", inclusive="left")
    return pd.concat([_hours_of(w, hours, coverage, panel) for w in workflows], ignore_index=True)


def _hours_of(
    workflow: str, hours: pd.DatetimeIndex, coverage: pd.DataFrame, panel: pd.DataFrame
) -> pd.DataFrame:
    own = coverage[(coverage.workflow == workflow) & (coverage.covered_from < coverage.covered_to)]
    grain = pd.Series(pd.NA, index=range(len(hours)), dtype="Int64")
    for bucket_s in sorted(own.bucket_s.unique(), reverse=True):
        grain = grain.mask(_within(hours, own[own.bucket_s == bucket_s]), bucket_s)
    inside = _within(hours, own) | hours.isin(panel.hour[panel.workflow == workflow])
    return pd.DataFrame(
        {"workflow": workflow, "hour": hours, "covered": inside, "bucket_s": grain.fillna(0)}
    )


def _within(hours: pd.DatetimeIndex, spans: pd.DataFrame) -> np.ndarray:
    """Whether each whole hour lies within the spans, those that touch or overlap taken as one.

    Weekly files of a company half an hour off UTC meet in the middle of an hour.
    """
    if spans.empty:
        return np.zeros(len(hours), bool)
    ordered = spans.sort_values("covered_from")
    reach = ordered.covered_to.cummax()
    run = (ordered.covered_from > reach.shift()).cumsum()
    merged = pd.DataFrame({"start": ordered.covered_from, "end": reach}).groupby(run)
    starts = pd.DatetimeIndex(merged.start.min())
    ends = pd.DatetimeIndex(merged.end.max())
    place = starts.searchsorted(hours, side="right") - 1
    return (place >= 0) & (hours + HOUR <= ends[np.maximum(place, 0)])


def unassigned_share(panel: pd.DataFrame) -> float:
    """The share of cost that no workflow claims, 0 to 1."""
    total = panel.cost_eur.sum()
    return float(panel.cost_eur[panel.workflow == UNASSIGNED].sum() / total) if total else 0.0
