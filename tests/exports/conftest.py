"""What the export tests draw files with."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from opsbook.exports.cells import define
from opsbook.exports.conversion import SHAPES, convert
from opsbook.exports.readers import UNFOLDS, reader_for
from opsbook.exports.reading import read_sheet, unpacked
from opsbook.store import engine_of


@pytest.fixture(scope="session")
def files() -> Path:
    return Path(__file__).parent / "files"


def converted(content: bytes, zone: str = "Europe/Vienna", month_first: bool = False):
    """What the reader that knows a file's header makes of it; every row must be accounted for.

    `.calls`, `.bills`, `.runs` and `.quarantine` are frames; `.reader` is None for unknown files.
    """
    with tempfile.TemporaryDirectory() as place, engine_of() as engine:
        define(engine)
        packed = Path(place) / "export"
        packed.write_bytes(content)
        (path,) = unpacked(packed, Path(place)).values()
        sheet = read_sheet(engine, path, UNFOLDS)
        reader = reader_for(sheet.header)
        if reader is None:
            return SimpleNamespace(reader=None, header=sheet.header)
        found = convert(engine, sheet, reader, zone, month_first)
        made = {
            n: t.typed(engine.execute(f'SELECT * FROM {n} ORDER BY "row"').df())
            for n, t in SHAPES.items()
        }
    rows = {row for frame in made.values() for row in frame.row}
    assert found.rows_in == len(rows) + found.empty_rows + len(found.quarantine)
    has_status = found.reading.has_status
    return SimpleNamespace(
        reader=reader, header=sheet.header, has_status=has_status, **made, **vars(found)
    )


@pytest.fixture(scope="session")
def read():
    """Reads a file's bytes or text with the reader that recognises it, in Vienna's zone."""

    def reading(content: bytes | str):
        found = converted(content if isinstance(content, bytes) else content.encode())
        return found.reader.title, found

    return reading


@pytest.fixture(scope="session")
def reading():
    """`converted`, for tests that set the zone or the style of dates."""
    return converted
