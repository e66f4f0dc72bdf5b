"""Kills `check` at random moments and lets the next one finish: prints what was left, as JSON.

Started by test_check.py with a company whose tables are made, the address messages go to, how
often, and a seed. Each check is a fork of this process, so that the moments fall into its work and
not into its imports.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from opsbook import messages, notify, workbook  # noqa: F401  (imported before the forks)
from opsbook.check import check
from opsbook.records import Log
from opsbook.register import fold
from opsbook.store import Folder

NOW = "2026-11-17T11:00+01:00"


def started(place: Path, push: str) -> int:
    child = os.fork()
    if not child:
        check(place, NOW, {"PUSH": push})
        os._exit(0)
    return child


def killed_after(seconds: float, place: Path, push: str) -> bool:
    child = started(place, push)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(company: Path, push: str, times: int, seed: int) -> None:
    chance, whole = random.Random(seed), 0.0
    for number in range(times + 1):
        place = company.parent / f"killed-{number}"
        shutil.copytree(company, place)
        begun = time.monotonic()
        killed = number and killed_after(chance.uniform(0, whole), place, f"{push}/{number}")
        before = Log(Folder(place)).content()
        os.waitpid(started(place, f"{push}/{number}"), 0)
        whole = whole or time.monotonic() - begun
        log = Log(Folder(place))
        incident = next(iter(fold(log.events()).incidents.values()))
        kept = log.content().startswith(before[: before.rfind(b"\n") + 1])
        told = {
            "number": number,
            "killed": bool(killed),
            "whole": log.verify().ok,
            "kept": kept,
            "incidents": len(fold(log.events()).incidents),
            "notices": [n["state"] for n in incident.notices.values()],
        }
        print(json.dumps(told), flush=True)  # noqa: T201
        shutil.rmtree(place)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
