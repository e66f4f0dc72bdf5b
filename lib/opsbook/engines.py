"""Where the folds over raw calls run: DuckDB within the process, or a Spark session.

The expressions of `panel` are the same for both; only what they start from differs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import narwhals as nw
import pandas as pd

from opsbook.errors import SettingsError
from opsbook.schema import CALLS
from opsbook.store import Folder, calls_relation, engine_of


@contextmanager
def calls_of(folder: Folder, engine: str) -> Iterator[nw.LazyFrame]:
    """All calls in a company's tables, unread, for as long as the engine is open.

    `engine` is "duckdb" or "spark"; SettingsError when Spark is asked for and not installed.
    """
    if engine == "spark":
        with _spark() as session:
            yield nw.from_native(_spark_calls(session, folder))
    else:
        with engine_of() as connection:
            yield nw.from_native(calls_relation(folder, connection))


def folded(frame: nw.LazyFrame) -> pd.DataFrame:
    """What a fold gives, read: small, whatever the calls were."""
    native = frame.to_native()
    return native.toPandas() if hasattr(native, "toPandas") else native.df()


@contextmanager
def _spark() -> Iterator[object]:
    try:
        from pyspark.sql import SparkSession
    except ImportError as problem:
        raise SettingsError(
            'settings/company.toml: engine = "spark" needs PySpark and Java; install the extra '
            'with `pip install "opsbook[spark]"`, or take the line out.'
        ) from problem
    quiet = {
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.sql.ansi.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
    }
    builder = SparkSession.builder.appName("opsbook")
    for name, value in quiet.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()


def _spark_calls(session: object, folder: Folder) -> object:
    """The parts of CALLS as one; rows that lie in their file's order numbered from it."""
    from pyspark.sql import functions as f

    paths = sorted(map(str, (folder.tables / CALLS.name).glob("*.parquet")))
    if not paths:
        return session.createDataFrame(CALLS.empty())
    parts = session.read.parquet(*paths)
    place = f.col("_metadata.row_index") - f.col("row")
    row = f.when(f.col("row") < 0, place).otherwise(f.col("row"))
    return parts.withColumn("row", row).select(*CALLS.columns)
