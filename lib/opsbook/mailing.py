"""A review sent by mail, over the channels that also carry incidents; chats get its lead and link.

Secrets are filled in by `notify` alone; a mail written to a file holds neither addresses nor
secrets.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from html import unescape
from pathlib import Path
from typing import get_args

import nbformat

from opsbook import notify
from opsbook.errors import SettingsError, SiteError, UsageError
from opsbook.printing import Held
from opsbook.review_mail import Letter, letter, lighter, words
from opsbook.settings import Channel, Role

FENCED = re.compile(r"`{3,}\{=html\}\n(.*)\n`{3,}", re.S)
STATES = ("signed", "not over", "draft")
LOUD = "P1"


@dataclass(frozen=True)
class Sent:
    """What became of a mail over one channel: whole as a letter, or its lead and link in words."""

    channel: str
    form: str
    ok: bool
    problem: str = ""

    def sentence(self) -> str:
        """The outcome as a person is told."""
        return f"{self.channel}: {self.form}" + ("" if self.ok else f", not sent: {self.problem}")


def written(held: Held) -> Letter:
    """The mail of a review as it was built; its links lead to where the site is published."""
    book = nbformat.read(held.notebook, 4)
    front = _front(book.cells[0].source)
    named = front.get("categories") or []
    pieces = [p for cell in book.cells[1:] for p in _pieces(cell)]
    return letter(
        pieces,
        title=unescape(str(front["title"])),
        state=next((s for s in STATES if s in named), "draft"),
        link=_link(held),
        draw=_png,
    )


def _front(source: str) -> dict:
    """The front matter of a page as `site.publish` writes it: a JSON value a line."""
    lines = (one.partition(": ") for one in source.splitlines() if ": " in one)
    return {name: json.loads(value) for name, _, value in lines}


def _pieces(cell: nbformat.NotebookNode) -> list[str]:
    if cell.cell_type == "markdown":
        return [words(cell.source)]
    told = [o.data.get("text/markdown", "") for o in cell.get("outputs", [])]
    return [found[1] for text in told if (found := FENCED.fullmatch(text.strip()))]


def _link(held: Held) -> str:
    base = held.settings.company.site.rstrip("/")
    return f"{base}/{held.notebook.with_suffix('.html').as_posix()}" if base else ""


def _png(spec: dict, scale: float) -> bytes:
    import vl_convert

    return lighter(vl_convert.vegalite_to_png(spec, scale=scale))


def channels(held: Held, role: str) -> list[Channel]:
    """The channels that reach a role; SettingsError where none does, UsageError for no role."""
    if role not in get_args(Role):
        raise UsageError(f'"{role}" is no role; expected one of {", ".join(get_args(Role))}.')
    found = [c for c in held.settings.channels if role in c.roles]
    if not found:
        raise SettingsError(f"settings/channels.toml: no channel reaches {role}; name one.")
    return found


def form(channel: Channel, environ: Mapping[str, str]) -> str:
    """How a channel tells of a review: as a letter, in words, or not at all.

    What is there for P1 alone rings at night; it carries no review unless it is a mail.
    SettingsError as `notify.service`.
    """
    if notify.takes_letters(notify.service(channel, environ)):
        return "letter"
    return "left out, for P1 alone" if channel.from_priority == LOUD else "lead and link"


def send(
    mail: Letter, to: list[Channel], environ: Mapping[str, str], dry: bool = False
) -> list[Sent]:
    """What became of a mail over each channel; with `dry` nothing leaves."""
    told = []
    for channel in to:
        try:
            how = form(channel, environ)
        except SettingsError as problem:
            told.append(Sent(channel.id, "nothing", False, str(problem)))
            continue
        if dry or how.startswith("left out"):
            told.append(Sent(channel.id, how, True))
            continue
        done = notify.deliver(channel, mail.subject, mail.short, environ, mail)
        told.append(Sent(channel.id, how, done.ok, done.problem))
    return told


def keep(mail: Letter, path: Path) -> Path:
    """The mail as a file that mail programs open as a draft, to be sent by hand."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = mail.subject
    message["X-Unsent"] = "1"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    page = message.get_payload()[1]
    for name, png in mail.images.items():
        page.add_related(png, "image", "png", cid=f"<{name}>", filename=name, disposition="inline")
    try:
        path.write_bytes(message.as_bytes())
    except OSError as problem:
        raise SiteError(f"{path} could not be written: {problem.strerror}.") from problem
    return path
