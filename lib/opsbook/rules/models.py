"""A model that answers a workflow for the first time: R15.

A vendor may put another model behind the same name. Whoever looks at costs, refusals or formats
that moved wants to know first whether it did.
"""

import pandas as pd

from opsbook.rules import findings_of, parameters
from opsbook.settings import Limits


def models_seen(models: pd.DataFrame) -> pd.DataFrame:
    """Which model answered which request, and from when to when: one row per workflow and pair.

    Clause F1. `models` is `panel.model_days`. Columns workflow, provider, request_model,
    served_model, first_seen, last_seen, calls, cost_eur; the newest first within a workflow.
    """
    keys = ["workflow", "provider", "request_model", "served_model"]
    seen = models.groupby(keys, dropna=False).agg(
        first_seen=("first_seen", "min"),
        last_seen=("last_seen", "max"),
        calls=("calls", lambda n: n.sum(min_count=1)),
        cost_eur=("cost_eur", lambda n: n.sum(min_count=1)),
    )
    order = ["workflow", "first_seen", "served_model"]
    return seen.reset_index().sort_values(order, ascending=[True, False, True], ignore_index=True)


def asked_for(models: pd.DataFrame) -> dict[str, set[str]]:
    """By workflow every model that was asked for or has answered."""
    return {
        str(workflow): {*own.request_model.dropna(), *own.served_model.dropna()}
        for workflow, own in models.groupby("workflow")
    }


def new_models(models: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Served models that joined a workflow after its first days, as findings without a priority.

    Clause F1, rule R15. What a workflow began with is not new, nor is what an export without a
    name answered with. `observed` is the calls it has answered since.
    """
    named = models[models.served_model.notna() & models.workflow.notna()]
    seen = (
        models_seen(named)
        .groupby(["workflow", "served_model"], as_index=False)
        .agg(
            first_seen=("first_seen", "min"),
            last_seen=("last_seen", "max"),
            calls=("calls", lambda n: n.sum(min_count=1)),
        )
    )
    begun = seen.groupby("workflow").first_seen.transform("min")
    late = seen.first_seen - begun >= pd.Timedelta(days=limits.model_settled_days)
    rows = [
        _new(row, _before(seen, row), limits)
        for row in seen[late].sort_values(["first_seen", "workflow"]).itertuples()
    ]
    return findings_of(rows)


def _before(seen: pd.DataFrame, row: object) -> str:
    """The model that had answered last before another one did."""
    own = seen[(seen.workflow == row.workflow) & (seen.first_seen < row.first_seen)]
    return str(own.sort_values("last_seen").served_model.iloc[-1])


def _new(row: object, before: str, limits: Limits) -> dict:
    return {
        "rule": "R15",
        "method": "calendar",
        "workflow": row.workflow,
        "metric": "served_model",
        "started_at": row.first_seen,
        "ended_at": row.last_seen + pd.Timedelta(microseconds=1),
        "detected_at": row.first_seen,
        "observed": row.calls,
        "parameters": parameters(limits, "model_settled_days"),
        "state": "note",
        "reason": f"{row.served_model} answers for the first time; before it {before}",
    }
