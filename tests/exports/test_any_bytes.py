"""Whatever the bytes: every row is accounted for, each bad one has a reason, nothing breaks."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsbook.errors import ExportError
from opsbook.exports.readers import READERS

FILES = sorted((Path(__file__).parent / "files").iterdir())
QUICK = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
STRANGE = (
    "", "NULL", "-1", "1e400", "nan", "10.0", "0.5", "1.234,5", "2026-11-03T08:00:00Z", "0",
    "2026-02-30", "9999-12-31T23:59:59Z", "0001-01-01", "1793577600", "1e12", "{}", "[1]",
    '{"input": -5}', '{"input": 1e999}', '{"input": {}}', '"', "=1+1", "\u0660", "😀",
    "\ud800",
)  # fmt: skip
NEEDED = {
    "calls": ["ts", "row_key", "bucket_s", "status"],
    "bills": ["period_start", "period_end", "row_key", "provider", "amount", "currency"],
    "runs": ["started_at", "row_key", "run_id", "status"],
}
"""What a row that is loaded always says."""
CELLS = st.one_of(st.text(max_size=12), st.sampled_from(STRANGE))


@pytest.fixture(scope="module")
def account_for(reading):
    """Reads bytes as an ingest does, and counts."""

    def account(content: bytes) -> None:
        try:
            found = reading(content)
        except ExportError:
            return
        if found.reader is None:
            return
        assert all(len(reason) > 5 for reason in found.quarantine.reason)
        for part, needed in NEEDED.items():
            assert getattr(found, part)[needed].notna().all(axis=None)

    return account


@QUICK
@given(st.binary(max_size=300))
def test_bytes_of_any_kind(account_for, content):
    account_for(content)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
@QUICK
@given(data=st.data())
def test_an_export_with_some_of_its_bytes_changed(account_for, path, data):
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    account_for(bytes(content[: data.draw(st.integers(0, len(content)))] or content))


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.title)
@QUICK
@given(data=st.data())
def test_any_cells_under_a_known_header(account_for, reader, data):
    extra = ["cost", "currency", "spend", "usageDetails", "totalCost", "metadata", "latencyMs"]
    header = sorted(reader.needs) + sorted(set(extra) - reader.needs)
    lines = data.draw(st.lists(st.lists(CELLS, min_size=1, max_size=len(header) + 1), max_size=4))
    records = [dict(zip(header, line + [""] * len(header), strict=False)) for line in lines]
    account_for("\n".join(map(json.dumps, records)).encode())
    quoted = [",".join('"' + c.replace('"', '""') + '"' for c in line) for line in lines]
    account_for("\n".join([",".join(header), *quoted]).encode("utf-8", "replace"))
