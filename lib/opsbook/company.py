"""A new company's settings as text: every setting with what it is, an example and its default.

Written from the declarations in `settings`, so that whatever is added there stands in the next
company's files. Read back, the files give the same settings.
"""

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import get_args

from babel.core import get_global
from babel.localedata import exists
from babel.numbers import get_territory_currencies
from pydantic.fields import FieldInfo

from opsbook.errors import UsageError
from opsbook.settings import WEEKDAYS, Limits, Meeting, Part, Settings, Span, Workflow, limits_text

HOURS = "mon-fri 09:00-17:00"
PRIMARY = {
    "CY": "Asia/Nicosia", "DE": "Europe/Berlin", "ES": "Europe/Madrid", "PT": "Europe/Lisbon",
}  # fmt: skip
"""The zone most of a country lives in, where it has several."""
EURO_SINCE_2026 = "BG"
"""A country whose change of currency the data of Babel do not know yet."""
ALIASES = {"UK": "GB", "EL": "GR"}
"""What people and the EU call a country, and its code in ISO 3166."""
LOCALE = "en_GB"
WORKFLOW = "id|name|category|owner|matches"
EXPORT_DAYS = 7
"""Days from one export to the next for a company that begins: before each weekly review."""
LINE = 98
INTRO = {
    "company": "Who the company is and when it works.",
    "workflows": "The workflows in production, and where their calls show in the exports. An "
    "export's row belongs to the first workflow that matches it; what none matches is "
    "`unassigned`, and `opsbook doctor` prints the line that claims it.",
    "limits": "Every number the rules use, each under its reason. Change a value here; a line "
    "taken out has its default again.",
    "channels": "Over which channels a role is told of an incident. An address is one of apprise "
    "(github.com/caronc/apprise). No secret stands here: {NAME} is the name of a variable of the "
    "environment, and `opsbook doctor` says which are not set.",
    "aliases": "Names of your own for models, like a deployment's: they are priced and told as the "
    "model they stand for.",
    "prices": "Your own prices, where you pay others than the vendors' public ones: the first "
    "entry that fits a call's provider, model and day holds.",
    "corrections": "What exports tell wrongly, and what is done about it: calls left out, or set "
    "right. An export itself is never edited.",
    "mappings": "What the columns of an export mean that no reader knows; `opsbook map FILE` "
    "proposes an entry.",
}
"""What stands at the head of each file."""
CHANNELS = """
# Mail over your own server:
# [[channels]]
# id = "mail-lead"
# roles = ["AI Lead"]
# url = "mailtos://{MAIL_USER}:{MAIL_PASSWORD}@mail.example.org?to=ai-lead@example.org"

# Microsoft Teams, by a workflow that posts what a webhook receives:
# [[channels]]
# id = "teams"
# roles = ["AI Lead"]
# url = "workflows://{TEAMS_HOST}:443/{TEAMS_WORKFLOW}/{TEAMS_SIGNATURE}/"

# Slack, by an incoming webhook:
# [[channels]]
# id = "slack"
# roles = ["AI Lead"]
# url = "slack://{SLACK_A}/{SLACK_B}/{SLACK_C}/#incidents"

# ntfy on a telephone, only the worst:
# [[channels]]
# id = "ntfy-founder"
# roles = ["Founder or CEO"]
# from_priority = "P1"
# url = "ntfys://{NTFY_USER}:{NTFY_PASSWORD}@ntfy.example.org/{NTFY_TOPIC}"
"""
MORE = {"channels": CHANNELS}
"""Further examples of a file's entries."""


# What a place proposes


def code_of(country: str) -> str:
    """A country's code in ISO 3166, as people write it.

    >>> code_of(" uk"), code_of("at")
    ('GB', 'AT')
    """
    code = country.strip().upper()
    return ALIASES.get(code, code)


def zones_of(country: str) -> list[str]:
    """The IANA zones of a country; the one most of it lives in alone, where that is known."""
    zones = sorted(z for z, where in get_global("zone_territories").items() if where == country)
    return [PRIMARY[country]] if country in PRIMARY else zones


def locale_of(country: str) -> str:
    """English as a country's people write figures and dates; British where that is not known.

    >>> locale_of("AT"), locale_of("LU")
    ('en_AT', 'en_GB')
    """
    return f"en_{country}" if exists(f"en_{country}") else LOCALE


def currency_of(country: str) -> str:
    """The ISO 4217 code a country pays in; EUR where none is known."""
    if country == EURO_SINCE_2026:
        return "EUR"
    return next(iter(get_territory_currencies(country)), "EUR")


# What people write on one line


def hours_of(text: str) -> dict[str, list[str]]:
    """Opening hours by weekday, from a line like "mon-thu 8:00-12:00 13:00-17:00, fri 8:00-14:00".

    UsageError names the part that cannot be read.
    """
    hours: dict[str, list[str]] = {}
    for part in filter(str.strip, text.split(",")):
        days, *spans = re.sub(r"\s*[-–]\s*", "-", part.strip()).split()
        for day in _days(days, part):
            hours.setdefault(day, []).extend(spans)
        if not spans:
            raise UsageError(f"hours {part.strip()!r} name no time; {_HOURS_EXAMPLE}")
    return hours


_HOURS_EXAMPLE = f'expected like "{HOURS}" or "mon-thu 8:00-12:00 13:00-17:00, fri 8:00-14:00"'


def _days(text: str, part: str) -> list[str]:
    """The weekdays from a first to a last, in English; a week may be passed over its end."""
    first, _, last = text.lower().partition("-")
    ends = [
        next((i for i, d in enumerate(WEEKDAYS) if len(n) > 1 and d.startswith(n)), None)
        for n in (first, last or first)
    ]
    if None in ends:
        raise UsageError(f"hours {part.strip()!r} begin with no weekday; {_HOURS_EXAMPLE}")
    count = (ends[1] - ends[0]) % len(WEEKDAYS) + 1
    return [WEEKDAYS[(ends[0] + i) % len(WEEKDAYS)] for i in range(count)]


def workflow_of(text: str) -> Workflow:
    """A workflow from a line like "support-chat|Support chat|customer|Head of support|openai:proj".

    Further matches are set apart by commas; none means the rows of the template with its id.
    UsageError for another count of parts; ValidationError for one that cannot be used.
    """
    parts = [p.strip() for p in text.split("|")]
    if len(parts) not in (4, 5):
        raise UsageError(f"--workflow {text!r} has {len(parts)} parts; expected like {WORKFLOW!r}")
    name, *about = parts[:4]
    told = dict(zip(("name", "category", "owner"), about, strict=True))
    told |= {"export_days": EXPORT_DAYS}
    given = [m.strip() for m in "".join(parts[4:]).split(",") if m.strip()]
    return Workflow(id=name, **told, matches=given or [f"template:{name}"])


def id_of(name: str) -> str:
    """A short name for good, from the one people use.

    >>> id_of("Aufträge & Größen (2026)")
    'auftrage-grossen-2026'
    """
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


# Settings as text


def settings_texts(settings: Settings, heads: Mapping[str, str]) -> dict[str, str]:
    """The text of each settings file, by its name without `.toml`.

    `heads` gives each part's heading, like "[company]" or "[[workflows]]". Read back, the files
    give the same settings; what was not set stands there as a comment.
    """
    return {part: _text(part, getattr(settings, part), head) for part, head in heads.items()}


def _text(part: str, value: Part | list[Part], head: str) -> str:
    intro = _comment(INTRO.get(part, f"The company's {part}."))
    if isinstance(value, Limits):
        return f"{intro}\n\n{limits_text(value)}"
    if isinstance(value, Part):
        return f"{intro}\n\n{head}\n{_explained(type(value), value)}"
    (model,) = get_args(Settings.model_fields[part].annotation)
    example = _commented(f"{head}\n{_explained(model)}")
    entries = "".join(f"\n{head}\n{_entry(one)}" for one in value)
    return f"{intro}\n\n# All that an entry may hold:\n#\n{example}{MORE.get(part, '')}{entries}"


def _explained(model: type[Part], value: Part | None = None) -> str:
    """Every setting under what it is: with its value, or without one with an example.

    Where a value is given, what it does not set is commented out. What has neither an example nor a
    default stands instead of something else: it is told of, and no line shows it.
    """
    blocks = []
    for name, field in model.model_fields.items():
        given = value is not None and name in value.model_fields_set
        line = _line(name, getattr(value, name)) if given else f"{name} = {_example(model, name)}"
        line = line if given or value is None else f"# {line}"
        shown = given or field.examples or field.get_default() is not None
        blocks.append(f"{_comment(_told(field, given))}\n" + (f"{line}\n" if shown else ""))
    return ("\n" if value is not None else "").join(blocks)


def _line(name: str, value: object) -> str:
    """A setting with its value; one per line of what has names of its own, like weekdays."""
    if isinstance(value, Mapping) and value:
        return "\n".join(f"{name}.{_key(k)} = {toml(v)}" for k, v in value.items())
    return f"{name} = {toml(value)}"


def _entry(one: Part) -> str:
    set_ = (n for n in type(one).model_fields if n in one.model_fields_set)
    return "".join(f"{name} = {toml(getattr(one, name))}\n" for name in set_)


def _told(field: FieldInfo, given: bool) -> str:
    """What a setting is, and what it is without being set."""
    what = field.description or ""
    default = "needed" if field.is_required() else f"default: {_default(field)}"
    text = "; ".join(p for p in (what, default) if p and not (given and p == "needed"))
    return (text[:1].upper() + text[1:]) or "Needed"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return toml(value) if value not in (None, "", [], {}) else "none"


def _example(model: type[Part], name: str) -> str:
    """An example of a setting as TOML: the declared one, else its default."""
    field = model.model_fields[name]
    if not field.examples:
        value = field.get_default(call_default_factory=True)
        return toml(not value if isinstance(value, bool) else value)
    about = model.model_json_schema()["properties"][name]
    kinds = [about, *about.get("anyOf", [])]
    words = any(k.get("type") == "string" and "format" not in k for k in kinds)
    return toml(field.examples[0]) if words else str(field.examples[0])


def _comment(text: str) -> str:
    """A text as lines of comment."""
    lines = [""]
    for word in text.split():
        fits = len(lines[-1]) + len(word) < LINE
        lines = [*lines[:-1], f"{lines[-1]} {word}".strip()] if fits else [*lines, word]
    return "\n".join(f"# {line}" for line in lines)


def _commented(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())


def toml(value: object) -> str:
    r"""A value as TOML on one line, whatever characters it holds.

    >>> print(toml({"name": 'Meyer "&" Söhne', "days": [dt.date(2026, 12, 24)], "on": True}))
    { name = "Meyer \"&\" Söhne", days = [2026-12-24], on = true }
    """
    match value:
        case Span():
            closes = "24:00" if value.closes == dt.time.min else f"{value.closes:%H:%M}"
            return f'"{value.opens:%H:%M}-{closes}"'
        case Meeting():
            return f'"{value}"'
        case Part():
            return toml({name: getattr(value, name) for name in sorted(value.model_fields_set)})
        case Mapping():
            inside = ", ".join(f"{_key(k)} = {toml(v)}" for k, v in value.items() if v is not None)
            return f"{{ {inside} }}" if inside else "{}"
        case list() | tuple():
            return f"[{', '.join(toml(v) for v in value)}]"
        case dt.date() | dt.time():
            return value.isoformat()
        case bool() | int() | float():
            return json.dumps(value)
        case _:
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: object) -> str:
    plain = re.fullmatch(r"[A-Za-z0-9_-]+", str(name))
    return str(name) if plain else toml(str(name))
