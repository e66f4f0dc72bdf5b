"""What the export tests draw files with."""

from pathlib import Path

import pytest

from opsbook.exports.readers import reader_for
from opsbook.exports.reading import read_rows


@pytest.fixture(scope="session")
def files() -> Path:
    return Path(__file__).parent / "files"


@pytest.fixture
def read():
    """Reads a file's bytes or text with the reader that recognises it, in Vienna's zone."""

    def reading(content: bytes | str):
        rows = read_rows(content if isinstance(content, bytes) else content.encode())
        reader = reader_for(rows.header)
        return reader.title, reader.read(rows, "Europe/Vienna")

    return reading
