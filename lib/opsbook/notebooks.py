"""Notebooks run by papermill: each with its parameters, in a kernel of its own, two at a time."""

import os
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from opsbook import kernels
from opsbook.errors import NotebookError, UsageError


@dataclass(frozen=True)
class Job:
    """One notebook to run, with parameters of its own beside those that all share.

    `name` is that of the executed notebook's file; the notebook's own when empty.
    """

    notebook: Path
    parameters: dict[str, object] = field(default_factory=dict)
    name: str = ""

    @property
    def output(self) -> str:
        """The name of the executed notebook's file."""
        return self.name or self.notebook.name


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for executed notebooks that is gone afterwards, with our kernel installed in it."""
    before = os.environ.get("JUPYTER_PATH")
    with tempfile.TemporaryDirectory(prefix="opsbook-") as folder:
        kernels.install_spec(Path(folder))
        kernels.warm_up()
        try:
            yield Path(folder)
        finally:
            os.environ.pop("JUPYTER_PATH") if before is None else os.environ.update(
                JUPYTER_PATH=before
            )


def run_all(
    jobs: Sequence[Job], parameters: dict[str, object], work: Path, at_once: int = 2
) -> list[Path]:
    """Run notebooks that do not depend on each other; the executed ones, in the jobs' order.

    `at_once` kernels take one job after another, so that what a notebook has opened is open for the
    next; the linter sees to it that each defines every name it uses. Raises NotebookError for the
    first that fails; none is begun after it.
    """
    waiting = deque(jobs)
    with ThreadPoolExecutor(at_once) as pool:
        lanes = [
            pool.submit(_run_lane, waiting, parameters, work)
            for _ in range(min(at_once, len(jobs)))
        ]
    for lane in lanes:
        lane.result()
    return [work / job.output for job in jobs]


def _run_lane(waiting: deque[Job], parameters: dict[str, object], work: Path) -> None:
    """Run waiting jobs in one kernel until none is left; an error leaves none to the others."""
    with _kernel() as kernel:
        while waiting:
            try:
                job = waiting.popleft()
            except IndexError:  # the other lane was quicker
                return
            try:
                run(job.notebook, work / job.output, parameters | job.parameters, km=kernel)
            except Exception:
                waiting.clear()
                raise


@contextmanager
def _kernel() -> Iterator[object]:
    """A kernel that several notebooks use, one after the other; it ends with them."""
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    manager = AsyncKernelManager(
        kernel_name=kernels.NAME,
        client_class="jupyter_client.asynchronous.AsyncKernelClient",
    )
    try:
        yield manager
    finally:
        if manager.has_kernel:
            run_sync(manager.shutdown_kernel)(now=True)


def run(notebook: Path, output: Path, parameters: dict[str, object], **engine: object) -> Path:
    """Execute one notebook and save it to `output`; `engine` may hold a running kernel as km.

    UsageError for a parameter it does not have, which papermill would pass over; NotebookError with
    notebook, cell and error when a cell fails.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    refuse_unknown(notebook, parameters)
    try:
        papermill.execute_notebook(
            notebook,
            output,
            parameters,
            kernel_name=kernels.NAME,
            progress_bar=False,
            cwd=Path.cwd(),
            **engine,
        )
    except papermill.PapermillExecutionError as problem:
        source = problem.source.strip().splitlines()
        raise NotebookError(
            f"{notebook}, cell {problem.cell_index}, `{source[0] if source else ''}`: "
            f"{problem.ename}: {problem.evalue}. Nothing was published; the last good site stays."
        ) from problem
    except DeadKernelError as problem:
        raise NotebookError(
            f"{notebook}: its kernel died, as when memory ran out. Nothing was published; the last "
            "good site stays."
        ) from problem
    except RuntimeError as problem:  # jupyter_client's word for a kernel that never answered
        raise NotebookError(
            f"{notebook}: its kernel did not start ({problem}). Try again with "
            "OPSBOOK_KERNEL=stock. Nothing was published; the last good site stays."
        ) from problem
    return output


def refuse_unknown(notebook: Path, parameters: dict[str, object]) -> None:
    """Raise a UsageError for a parameter that the notebook does not have."""
    known = parameter_names(notebook)
    unknown = [p for p in parameters if p not in known]
    if unknown:
        raise UsageError(f"{notebook} has no parameter {unknown[0]!r}; it has {', '.join(known)}.")


def parameter_names(notebook: Path) -> list[str]:
    """The names a notebook's parameters cell sets, in order."""
    import papermill

    return list(papermill.inspect_notebook(str(notebook)))


def clean(path: Path) -> bool:
    """Take outputs, counts and editor traces out of a notebook; whether that changed it.

    Keeps the cells' ids and tags.
    """
    before = path.read_text("utf-8")
    book = nbformat.reads(before, 4)
    for cell in book.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.NotebookNode({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    kept = {k: v for k, v in book.metadata.items() if k == "kernelspec"}
    book.metadata = nbformat.NotebookNode(kept | {"language_info": {"name": "python"}})
    after = nbformat.writes(book, indent=1) + "\n"
    if after != before:
        path.write_text(after, "utf-8")
    return after != before
