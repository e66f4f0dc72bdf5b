"""The notebooks as they lie in git, and how they are run."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from opsbook import notebooks
from opsbook.errors import NotebookError, UsageError

FOLDER = Path(__file__).parent.parent / "notebooks"
SOURCES = sorted(FOLDER.glob("*.ipynb"))


def cells(path: Path, kind: str = "code") -> list:
    return [c for c in nbformat.read(path, 4).cells if c.cell_type == kind]


def notebook(place: Path, *sources: str) -> Path:
    """A notebook with a parameters cell and the code cells given."""
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    first = nbformat.v4.new_code_cell("limit: int = 3  # how many")
    first.metadata["tags"] = ["parameters"]
    book.cells = [first, *(nbformat.v4.new_code_cell(s) for s in sources)]
    nbformat.write(book, place / "made.ipynb")
    return place / "made.ipynb"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_a_notebook_in_git_has_no_outputs_and_cleaning_changes_nothing(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    assert notebooks.clean(copy) is False
    assert not any(c.outputs or c.execution_count for c in cells(path))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_every_parameter_is_typed_and_has_its_comment(path):
    parameters = next(c for c in cells(path) if "parameters" in c.metadata.get("tags", []))
    for line in parameters.source.splitlines():
        assert re.fullmatch(r"\w+: \w+ = .+  # .+", line), line


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_a_notebook_is_thin(path):
    shown = [c for c in cells(path) if not set(c.metadata.get("tags", [])) & {"parameters", "load"}]
    for cell in shown:
        assert len(cell.source.splitlines()) == 1, cell.source
    for cell in cells(path):
        assert not re.search(r"^\s*(def|for|while|class)\b", cell.source, re.M), cell.source
    assert cells(path, "markdown")[0].source.startswith("# ")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_a_notebooks_cells_have_stable_ids(path):
    ids = [c["id"] for c in nbformat.read(path, 4).cells]
    assert len(set(ids)) == len(ids)


def test_an_unknown_parameter_is_refused_with_the_known_ones(tmp_path):
    path = notebook(tmp_path, "limit")
    with pytest.raises(UsageError, match=r"no parameter 'limt'; it has limit"):
        notebooks.run(path, tmp_path / "out.ipynb", {"limt": 4})


@pytest.mark.xdist_group("kernels")
def test_each_notebook_has_its_parameters_and_two_kernels_share_the_work(tmp_path):
    path = notebook(tmp_path, "import os, time", "time.sleep(0.3)", "print(limit, os.getpid())")
    names = [path.with_name(f"{name}.ipynb") for name in "abcd"]
    for name in names:
        name.write_bytes(path.read_bytes())
    jobs = [notebooks.Job(name, {"limit": 4 + i}) for i, name in enumerate(names)]
    with notebooks.workplace() as work:
        out = notebooks.run_all(jobs, {}, work)
        said = [cells(o)[-1].outputs[0].text.split() for o in out]
    assert [limit for limit, _ in said] == ["4", "5", "6", "7"]
    assert len({pid for _, pid in said}) == 2


@pytest.mark.xdist_group("kernels")
def test_after_a_failed_notebook_none_is_begun(tmp_path):
    path = notebook(tmp_path, "limit", "1 / 0")
    names = [path.with_name(f"{name}.ipynb") for name in "abcdef"]
    for name in names:
        name.write_bytes(path.read_bytes())
    with notebooks.workplace() as work:
        with pytest.raises(NotebookError):
            notebooks.run_all([notebooks.Job(name) for name in names], {}, work)
        assert len(list(work.glob("*.ipynb"))) <= 2


@pytest.mark.xdist_group("kernels")
def test_a_failed_cell_stops_with_the_notebook_the_cell_and_the_error(tmp_path):
    path = notebook(tmp_path, "limit", "1 / 0")
    with notebooks.workplace() as work, pytest.raises(NotebookError) as problem:
        notebooks.run(path, work / "out.ipynb", {})
    assert re.search(r"made\.ipynb, cell \d+, `1 / 0`: ZeroDivisionError", str(problem.value))
    assert "the last good site stays" in str(problem.value)


@pytest.mark.xdist_group("kernels")
@pytest.mark.parametrize("kind", ["forked", "stock"])
def test_a_kernel_runs_forked_and_in_the_ordinary_way(tmp_path, monkeypatch, kind):
    if kind == "stock":
        monkeypatch.setenv("OPSBOOK_KERNEL", "stock")
    path = notebook(tmp_path, "import sys; 'pandas' in sys.modules")
    with notebooks.workplace() as work:
        out = cells(notebooks.run(path, work / "out.ipynb", {}))
    assert out[-1].outputs[0].data["text/plain"] == str(kind == "forked")


@pytest.mark.xdist_group("kernels")
def test_a_kernel_that_dies_is_an_error_and_no_wait(tmp_path):
    path = notebook(tmp_path, "import os; os._exit(3)")
    with notebooks.workplace() as work, pytest.raises(NotebookError, match="died"):
        notebooks.run(path, work / "out.ipynb", {})


RUNNER = """
import sys
from pathlib import Path
from opsbook import errors, notebooks

def main():
    with notebooks.workplace() as work:
        try:
            notebooks.run(Path(sys.argv[1]), work / "out.ipynb", {})
        except errors.NotebookError as problem:
            sys.exit(str(problem))
"""


def runner(place: Path, end: str) -> subprocess.Popen:
    """A program of its own that runs the notebook made in `place`."""
    (place / "runner.py").write_text(RUNNER + end)
    command = [sys.executable, str(place / "runner.py"), str(place / "made.ipynb")]
    return subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True)


def wait_until(happened, seconds: float = 60) -> bool:
    """Whether something happens in time."""
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        time.sleep(0.1)
    return happened()


def lives(pid: int) -> bool:
    """Whether a process is there and not a mere entry of one that ended."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.xdist_group("kernels")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_a_kernel_ends_with_a_runner_that_was_killed(tmp_path):
    told = tmp_path / "pid"
    write = f"import os, time; open({str(told)!r}, 'w').write(f'{{os.getpid()}} ')"
    notebook(tmp_path, write, "time.sleep(300)")
    started = runner(tmp_path, '\nif __name__ == "__main__":\n    main()\n')
    assert wait_until(lambda: told.exists() and told.read_text().endswith(" "))
    pid = int(told.read_text())
    assert lives(pid)
    started.kill()
    started.wait()
    ended = wait_until(lambda: not lives(pid), 20)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    assert ended


@pytest.mark.xdist_group("kernels")
def test_a_kernel_that_does_not_start_is_named_with_what_to_try(tmp_path):
    notebook(tmp_path, "limit")
    started = runner(tmp_path, "\nmain()\n")  # a forked child cannot import such a program
    _, said = started.communicate(timeout=120)
    assert "its kernel did not start" in said
    assert "OPSBOOK_KERNEL=stock" in said
