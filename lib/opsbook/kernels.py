"""A kernel per notebook that does not pay for imports again.

A fork server imports pandas, altair, duckdb and this library once; each kernel is a forked child of
it. Where a system cannot fork, or OPSBOOK_KERNEL=stock, kernels start in the ordinary way.
"""

import json
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing import forkserver
from pathlib import Path

from jupyter_client.provisioning import LocalProvisioner

NAME = "opsbook"
PRELOADED = [
    "opsbook",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "IPython.core.completer",
    "opsbook.workbook",
    "opsbook.pages",
]
"""Imported once in the fork server."""


def can_fork() -> bool:
    """Whether kernels are forked here."""
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    return forks and os.environ.get("OPSBOOK_KERNEL") != "stock"


def install_spec(place: Path) -> str:
    """Write the kernel's specification below `place` and let Jupyter find it; its name."""
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Opsbook",
        "language": "python",
        "metadata": {},
    }
    if can_fork():
        spec["metadata"] = {"kernel_provisioner": {"provisioner_name": "opsbook-forkserver"}}
    folder = place / "kernels" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec), "utf-8")
    paths = os.environ.get("JUPYTER_PATH", "").split(os.pathsep)
    os.environ["JUPYTER_PATH"] = os.pathsep.join([str(place), *(p for p in paths if p)])
    return NAME


def warm_up() -> None:
    """Start the fork server, so that it imports while something else goes on."""
    if can_fork():
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
        forkserver.ensure_running()


class ForkServerProvisioner(LocalProvisioner):
    """Launches a kernel as a child of the fork server; all else as for a local kernel."""

    async def launch_kernel(self, cmd: list[str], **kwargs: object) -> dict:
        """Fork a kernel that answers on the connection file named in `cmd`."""
        warm_up()
        file = cmd[cmd.index("-f") + 1]
        place = str(kwargs.get("cwd") or Path.cwd())
        environment = dict(kwargs.get("env") or os.environ)
        context = multiprocessing.get_context("forkserver")
        child = context.Process(target=serve, args=(file, place, environment), daemon=False)
        child.start()
        self.process, self.pid = Child(child), child.pid
        self.pgid = None
        return self.connection_info


class Child:
    """A forked kernel with the few methods of subprocess.Popen that a provisioner uses."""

    stdin = stdout = stderr = None

    def __init__(self, process: multiprocessing.process.BaseProcess) -> None:
        """Wrap a started process."""
        self.process, self.pid = process, process.pid

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit code, once it has ended."""
        self.process.join(timeout)
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Pass a signal on, unless it has ended."""
        if self.process.is_alive():
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.process.kill()


def serve(connection_file: str, place: str, environment: dict[str, str]) -> None:
    """The life of one kernel: runs in the forked child until the notebook is done."""
    from ipykernel.kernelapp import IPKernelApp

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    sys.argv = ["ipykernel", "-f", connection_file]
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # a notebook's own output travels over the connection, not over these
        os.dup2(silence, stream)
    threading.Thread(target=end_with_parent, daemon=True).start()
    IPKernelApp.launch_instance(argv=["-f", connection_file])


def end_with_parent() -> None:
    """End this kernel once the process that asked for it is gone, even if that was killed."""
    multiprocessing.parent_process().join()
    os._exit(1)
