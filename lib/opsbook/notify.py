"""A message brought to people, over mail, chat or a push service: whatever apprise knows.

The address of a channel holds names of environment variables; they are filled in here and nowhere
else. No secret leaves: not in a log, not in what is said of a failure.
"""

import logging
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from opsbook.errors import SettingsError
from opsbook.messages import line, visible
from opsbook.review_mail import Letter
from opsbook.settings import VARIABLE, Channel

if TYPE_CHECKING:
    from apprise import AppriseAttachment, AppriseResult, NotifyBase

WORD = re.compile(r"\w+")
ANSWERED = re.compile(r"\berror=(\d{3})\b")
SILENT = logging.CRITICAL + 1


@dataclass(frozen=True)
class Delivery:
    """Whether a service took a message; if not, why, in words without a secret."""

    ok: bool
    problem: str = ""


def deliver(
    channel: Channel,
    title: str,
    body: str,
    environ: Mapping[str, str],
    letter: Letter | None = None,
) -> Delivery:
    """What became of a message sent over a channel; it never raises, and it waits no longer than
    the channel's time-out.

    A mail channel sends the `letter`, where there is one, instead of the body. A message that timed
    out may still arrive.
    """
    outcome: list[Delivery] = []
    sender = Thread(
        target=lambda: outcome.append(_send(channel, title, body, environ, letter)), daemon=True
    )
    sender.start()
    sender.join(channel.timeout_s)
    late = f"channel {channel.id}: no answer within {channel.timeout_s:g} s; it may still arrive"
    return outcome[0] if outcome else Delivery(False, late)


def _send(
    channel: Channel, title: str, body: str, environ: Mapping[str, str], letter: Letter | None
) -> Delivery:
    from apprise import Apprise, NotifyFormat

    try:
        sender = Apprise()
        found = service(channel, environ)
        sender.add(found)
        if letter is not None and takes_letters(found):
            found.inline = True
            pictures = _attached(letter)
            result = sender.notify(
                letter.html, line(title), body_format=NotifyFormat.HTML, attach=pictures
            )
        else:
            result = sender.notify(_plain(body), line(title), body_format=NotifyFormat.TEXT)
        return Delivery(bool(result), "" if result else _problem(channel, result))
    except SettingsError as problem:
        return Delivery(False, str(problem))
    except Exception as problem:  # its words may hold the address, its kind does not
        said = f"channel {channel.id}: the message could not be sent ({type(problem).__name__})"
        return Delivery(False, said)


def takes_letters(found: "NotifyBase") -> bool:
    """Whether a service is a mail server, which takes HTML with its pictures inside."""
    from apprise.plugins.email import NotifyEmail

    return isinstance(found, NotifyEmail)


def _attached(letter: Letter) -> "AppriseAttachment | None":
    """The pictures of a letter; each is named as the letter names it."""
    from apprise import AppriseAttachment
    from apprise.attachment.memory import AttachMemory

    pictures = AppriseAttachment()
    for name, png in letter.images.items():
        pictures.add(AttachMemory(content=png, name=name, mimetype="image/png"))
    return pictures if letter.images else None


def service(channel: Channel, environ: Mapping[str, str]) -> "NotifyBase":
    """The service that a channel names, ready to send.

    SettingsError for a variable that is not set, an address that apprise does not know, and a
    secret in plain text.
    """
    from apprise import Apprise, AppriseAsset

    _keep_quiet()
    url = address(channel, environ)
    asset = AppriseAsset(async_mode=False, service_timeout=0)
    asset.app_id = "Opsbook"
    found = Apprise.instantiate(url, asset=asset)
    if found is None:
        scheme = channel.url.partition("://")[0] if "://" in channel.url else "its variable"
        raise SettingsError(
            f"channel {channel.id}: apprise knows no such address ({scheme}); compare it with the "
            "service's example at apprise"
        )
    if _plain_secrets(channel, found):
        raise SettingsError(
            f"settings/channels.toml: channel {channel.id}: url holds a secret in plain text; put "
            "it into an environment variable and write the variable's name in braces"
        )
    found.socket_connect_timeout = found.socket_read_timeout = 2 * channel.timeout_s
    return found


def address(channel: Channel, environ: Mapping[str, str]) -> str:
    """A channel's address with its variables filled in; SettingsError for one that is not set.

    A variable that is the whole address stands as it is; within one it is encoded.
    """
    for name in channel.variables:
        if not environ.get(name, "").strip():
            raise SettingsError(
                f"channel {channel.id}: environment variable {name} is not set; set it where the "
                "check runs"
            )
    whole = VARIABLE.fullmatch(channel.url)
    if whole:
        return environ[whole[1]].strip()
    return VARIABLE.sub(lambda m: quote(environ[m[1]].strip(), safe=""), channel.url)


def _plain_secrets(channel: Channel, found: "NotifyBase") -> set[str]:
    """Words of a channel's address as it stands that apprise itself would hide."""
    shown, private = (Counter(WORD.findall(unquote(found.url(privacy=p)))) for p in (False, True))
    return set(shown - private) & set(WORD.findall(VARIABLE.sub(" ", unquote(channel.url))))


def _keep_quiet() -> None:
    """Let apprise tell only us what went wrong: its words name servers and addresses."""
    apprise = logging.getLogger("apprise")
    apprise.propagate = False
    apprise.setLevel(logging.WARNING)
    if not apprise.handlers:
        apprise.addHandler(logging.NullHandler())
    logging.getLogger("urllib3").setLevel(SILENT)


def _problem(channel: Channel, result: "AppriseResult") -> str:
    """Why a service did not take a message."""
    said = " ".join(str(entry.message) for one in result.results for entry in one.logs())
    status = ANSWERED.search(said)
    if status:
        return f"channel {channel.id}: the service answered {status[1]}"
    if "connection error" in said.lower():
        return f"channel {channel.id}: no connection to the service, or it refused the login"
    return f"channel {channel.id}: the service did not take the message"


def _plain(body: str) -> str:
    return "\n".join(visible(one) for one in body.splitlines())
