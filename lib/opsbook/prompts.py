"""What a prompt said on a day, from git: prompts lie in `prompts/<workflow>/` beside the settings.

Clause C4. A version counts from the moment of its commit; what is not committed is said.
"""

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from opsbook.errors import UsageError
from opsbook.regression_pages import Changed
from opsbook.store import Folder
from opsbook.workflow_pages import Wording

FIELDS = "%H%x1f%ct%x1f%s"


@dataclass(frozen=True)
class Version:
    """One version of a prompt file: git's name of its content, its commit (UTC), its text."""

    file: str
    blob: str
    commit: str
    at: pd.Timestamp
    subject: str
    text: str

    def as_json(self) -> dict:
        """The version as a command prints it."""
        return {**vars(self), "at": self.at.isoformat()}


def files(folder: Folder, workflow: str) -> list[Path]:
    """The prompt files of a workflow; UsageError where there is none."""
    place = folder.path / "prompts" / workflow
    found = sorted(p for p in place.glob("*") if p.is_file()) if place.is_dir() else []
    if not found:
        there = sorted(p.name for p in (folder.path / "prompts").glob("*") if p.is_dir())
        raise UsageError(f"{place} holds no prompt; found prompts of {', '.join(there) or 'none'}.")
    return found


def history(path: Path) -> list[Version]:
    """Every committed version of a prompt file, oldest first, renames followed.

    UsageError where there is no git, no repository, or its history was cut off (a shallow clone).
    """
    if _git(path.parent, "rev-parse", "--is-shallow-repository").strip() == b"true":
        raise UsageError("The repository is a shallow clone: run git fetch --unshallow first.")
    told = _git(
        path.parent,
        "log",
        "--follow",
        "--name-only",
        "-z",
        f"--format=%x1e{FIELDS}",
        "--",
        path.name,
    ).decode("utf-8", "replace")
    found = [_version(path, entry) for entry in told.split("\x1e") if entry.strip("\0\n")]
    return [v for v in reversed(found) if v is not None]


def _version(path: Path, entry: str) -> Version | None:
    head, _, names = entry.partition("\0")
    commit, at, subject = head.split("\x1f")
    name = next((n.strip("\n") for n in names.split("\0") if n.strip("\n")), "")
    if not name:
        return None
    try:
        content = _git(path.parent, "show", f"{commit}:{name}")
    except UsageError:
        return None  # removed by this commit
    moment = pd.Timestamp(int(at), unit="s", tz="UTC")
    text = content.decode("utf-8", "replace")
    return Version(path.name, git_blob(content), commit[:12], moment, subject, text)


def changes(folder: Folder, workflow: str) -> tuple[Changed, ...]:
    """The versions of a workflow's prompts that took the place of another, oldest first.

    A file's first version changes nothing, nor does a new name. UsageError as `files` and
    `history` raise it.
    """
    every = [v for path in files(folder, workflow) for v in _told_apart(history(path))[1:]]
    return tuple(Changed(v.file, v.at, v.subject) for v in sorted(every, key=lambda v: v.at))


def wordings(folder: Folder, workflow: str) -> tuple[Wording, ...]:
    """Every version of a workflow's prompts, oldest first, as its page lists them.

    UsageError as `files` and `history` raise it.
    """
    every = [v for path in files(folder, workflow) for v in _told_apart(history(path))]
    listed = (Wording(v.file, v.at, v.commit, v.subject, len(v.text)) for v in every)
    return tuple(sorted(listed, key=lambda w: (w.at, w.file)))


def loose(folder: Folder, workflow: str) -> tuple[str, ...]:
    """The prompt files of a workflow whose text is in no commit's last version."""
    return tuple(path.name for path in files(folder, workflow) if uncommitted(path))


def _told_apart(versions: Sequence[Version]) -> list[Version]:
    """Versions without those that say what the one before them did."""
    pairs = zip([None, *versions], versions, strict=False)
    return [v for before, v in pairs if before is None or before.blob != v.blob]


def at(path: Path, moment: pd.Timestamp) -> Version | None:
    """The version of a prompt file that held at a moment; None before the first."""
    before = [v for v in history(path) if v.at <= moment]
    return before[-1] if before else None


def uncommitted(path: Path) -> bool:
    """Whether the file as it lies there is in no commit's last version."""
    versions = history(path)
    return not versions or versions[-1].blob != git_blob(path.read_bytes())


def _git(place: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(["git", *words], cwd=place, capture_output=True, timeout=60)
    except FileNotFoundError:
        raise UsageError("git is not installed; it keeps what prompts said before.") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        raise UsageError(f"{place} has no history in git ({' '.join(said)}); commit the prompts.")
    return done.stdout


def git_blob(content: bytes) -> str:
    """The name git has for a file with this content.

    >>> git_blob(b"test content\\n")
    'd670460b4b4aece5915caf5c68d12f560a9fe3e4'
    """
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
