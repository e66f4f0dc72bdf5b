"""The same folds on DuckDB and on Spark give the same figures, value by value."""

import shutil

import pandas as pd
import pytest

from opsbook import panel
from opsbook.engines import calls_of, folded
from opsbook.errors import SettingsError
from opsbook.schema import PANEL, RUNS
from opsbook.store import Folder

FOLDS = {
    "hourly_panel": ["workflow", "served_model", "hour"],
    "fold_runs": ["workflow", "run_id"],
    "hourly_answers": ["workflow", "hour"],
    "model_days": ["workflow", "provider", "request_model", "served_model", "cost_kind", "day"],
}

pytestmark = pytest.mark.xdist_group("site")


def test_a_company_that_asks_for_spark_without_having_it_is_told_what_to_install(weekly):
    try:
        import pyspark  # noqa: F401
    except ImportError:
        folder = Folder(weekly.place / "data/demo")
        with pytest.raises(SettingsError, match="opsbook\\[spark\\]"), calls_of(folder, "spark"):
            pass
    else:
        pytest.skip("pyspark is installed here")


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.filterwarnings("ignore")
def test_spark_gives_what_duckdb_gives_value_by_value(weekly, fold):
    pytest.importorskip("pyspark", reason="the extra `spark` is not installed")
    if shutil.which("java") is None:
        pytest.skip("no Java on this machine")
    folder, found = Folder(weekly.place / "data/demo"), {}
    for engine in ("duckdb", "spark"):
        with calls_of(folder, engine) as calls:
            table = folded(getattr(panel, fold)(calls)).sort_values(FOLDS[fold])
        found[engine] = _comparable(table, fold)
    pd.testing.assert_frame_equal(found["duckdb"], found["spark"], rtol=1e-12)


def _comparable(table: pd.DataFrame, fold: str) -> pd.DataFrame:
    """Values without the engines' own types: times in UTC, missing as NaN, counts as numbers."""
    shape = {"hourly_panel": PANEL, "fold_runs": RUNS}.get(fold)
    if shape:
        return shape.conform(table).reset_index(drop=True)
    plain = table.reset_index(drop=True)
    for name in plain:
        if pd.api.types.is_datetime64_any_dtype(plain[name]):
            plain[name] = pd.to_datetime(plain[name], utc=True).astype("datetime64[us, UTC]")
        elif pd.api.types.is_numeric_dtype(plain[name]):
            plain[name] = plain[name].astype("float64")
        else:
            plain[name] = plain[name].astype("string")
    return plain[sorted(plain)]
