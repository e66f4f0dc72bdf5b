"""`opsbook init`: a new company's folder, made from answers on a terminal or from options.

Nothing is overwritten, and a folder is there whole or not at all: it is written beside its place,
read back as every command will, and moved there.
"""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TypeVar

from babel import Locale, UnknownLocaleError
from pydantic import ValidationError

from opsbook import company, store
from opsbook.clock import public_holidays, subdivisions, unknown_place
from opsbook.errors import OpsbookError, UsageError
from opsbook.settings import CATEGORIES, Channel, Company, Settings, Workflow
from opsbook.template import NAME as TEMPLATE
from opsbook.template import write_template

FOLDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
KEPT = ".gitkeep"
EMPTY = ("records", "regression", "prompts")
"""Folders that are filled later, and are in git from the start."""
LEAD, FOUNDER = ("lead", "AI Lead", "P2"), ("founder", "Founder or CEO", "P1")
"""A channel's id, whom it reaches, and from which priority."""
MOST = 30
"""How many regions a question lists; an answer that none is told them all."""
FIRST_YEAR = 2026
"""A year whose public holidays are looked up, to see that they are known."""
SOMEWHERE = {"name": "A", "zone": "UTC", "country": "AT", "hours": {"monday": ["09:00-17:00"]}}
EXAMPLE = {"id": "a", "name": "A", "category": "internal", "owner": "AI Lead", "matches": []}
"""What one answer is checked in, while the others are not known yet."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Given:
    """What was said on the command line; None is asked for, or proposed."""

    folder: str
    name: str | None = None
    country: str | None = None
    subdivision: str | None = None
    zone: str | None = None
    hours: str | None = None
    currency: str | None = None
    locale: str | None = None
    lead_channels: Sequence[str] = ()
    founder_channels: Sequence[str] = ()
    workflows: Sequence[str] = ()


@dataclass(frozen=True)
class Terminal:
    """Somebody who answers: `ask` takes a question and a proposal, `say` tells what was wrong."""

    ask: Callable[[str, str], str]
    say: Callable[[str], None]


def make(given: Given, into: Path, terminal: Terminal | None = None) -> Path:
    """Make a company's folder in `into`; its path.

    Without a terminal nothing is asked: what was not given is proposed. UsageError for a name that
    is taken or none, and for an answer that cannot be used.
    """
    place = _place(into, given.folder)
    settings = _settings(given, terminal)
    part = into / f".{given.folder}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write(part, given.folder, settings)
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return place


def _place(into: Path, folder: str) -> Path:
    if not FOLDER.fullmatch(folder):
        like = company.id_of(folder)[:40] or "acme"
        raise UsageError(
            f"{folder!r} is no name for a company's folder; expected small letters, digits, - and "
            f"_, like {like!r}. The company's full name is asked for next, or given with --company."
        )
    if not into.is_dir():
        raise UsageError(
            f"there is no folder {into} here; go to the project's folder, the one with the "
            "Makefile, and try again"
        )
    if (into / folder).exists():
        raise UsageError(
            f"{into / folder} is there already; choose another name, or edit its settings/"
        )
    return into / folder


def _write(place: Path, name: str, settings: Settings) -> None:
    """All that a company's folder holds at first; SettingsError if it could not be read back."""
    for folder in ("settings", "inbox", *EMPTY):
        (place / folder).mkdir(parents=True)
    for part, text in company.settings_texts(settings, store.SECTIONS).items():
        store.Folder(place).settings_of(part).write_text(text, "utf-8")
    for folder in EMPTY:
        (place / folder / KEPT).touch()
    guide = resources.files("opsbook").joinpath("inbox.md").read_text("utf-8")
    (place / "inbox" / "README.md").write_text(guide.replace("{name}", name), "utf-8")
    write_template(place / TEMPLATE, settings)
    read = store.load_settings(store.Folder(place))
    if read != settings:
        raise UsageError(f"the settings of {name} were not read back as they were given")


def next_steps(place: Path) -> list[str]:
    """What a person does with a new company's folder, line by line."""
    return [
        f"Made {place}: settings, an inbox that says what to drop, and a template.",
        f"1. Drop exports into {place / 'inbox'}; its README.md says where to find them. "
        f"For what no vendor exports, fill in {place / TEMPLATE} and save a copy there.",
        f"2. make weekly DATA={place}",
        f"3. make doctor DATA={place}    # what is missing, and what to do about it",
    ]


# Answers


@dataclass(frozen=True)
class Questions:
    """What is asked for, if anybody answers; asked again while an answer cannot be used."""

    terminal: Terminal | None

    def answer(
        self,
        option: str,
        question: str,
        given: str | None,
        proposal: str | None,
        read: Callable[[str], Answer],
    ) -> Answer:
        """What `read` makes of the option's value, else of the answer, else of the proposal."""
        if given is not None:
            return read(given)
        if self.terminal is None:
            if proposal is None:
                raise UsageError(f"{option} is missing. {question}")
            return read(proposal)
        while True:
            try:
                return read(self.terminal.ask(question, proposal or ""))
            except OpsbookError as problem:
                self.terminal.say(str(problem))


def _settings(given: Given, terminal: Terminal | None) -> Settings:
    questions = Questions(terminal)
    told = _company(given, questions)
    channels = [
        *_channels("--lead-channel", given.lead_channels, *LEAD, questions),
        *_channels("--founder-channel", given.founder_channels, *FOUNDER, questions),
    ]
    workflows = [_valid(lambda w=w: company.workflow_of(w)) for w in given.workflows]
    workflows = workflows or _workflows(questions)
    return _valid(lambda: Settings(company=told, workflows=workflows, channels=channels))


def _company(given: Given, questions: Questions) -> Company:
    """Who the company is; the country proposes what follows from it."""
    ask = questions.answer
    title = re.sub(r"[-_]+", " ", given.folder).title()
    name = ask("--company", "The company's name", given.name, title, _words)
    country = ask("--country", "Country, two letters: AT, DE, GB", given.country, None, _country)
    region = _region(given, country, questions)
    place = {"name": name, "country": country} | ({"subdivision": region} if region else {})
    place["zone"] = _zone(given, country, questions)
    place |= _currency(given, country, questions)
    locale = company.locale_of(country)
    place["locale"] = ask("--locale", "Figures and dates as in", given.locale, locale, _locale)
    hours = ask("--hours", "Opening hours", given.hours, company.HOURS, _hours)
    found = _valid(lambda: Company(**place, hours=hours))
    public_holidays(found, FIRST_YEAR)
    return found


def _zone(given: Given, country: str, questions: Questions) -> str:
    zones = company.zones_of(country)
    several = f", one of {', '.join(zones)}" if len(zones) > 1 else ""
    proposal = zones[0] if len(zones) == 1 else None
    return questions.answer("--zone", f"Time zone{several}", given.zone, proposal, _known_zone)


def _currency(given: Given, country: str, questions: Questions) -> dict[str, str]:
    """The currency of the reports, where the settings have one; else it is the euro."""
    if "currency" in Company.model_fields:
        question, proposal = "Currency of the reports", company.currency_of(country)
        found = questions.answer("--currency", question, given.currency, proposal, str.strip)
        return {"currency": found.upper()}
    if given.currency not in (None, "EUR"):
        raise UsageError(
            f"--currency {given.currency!r}: reports are in EUR; what was paid in another currency "
            "is turned into it at the rate of its day"
        )
    return {}


def _region(given: Given, country: str, questions: Questions) -> str:
    """The code of the company's region; empty for the whole country."""
    regions = subdivisions(country)
    if given.subdivision is None and not regions:
        return ""
    names = {name.lower(): code for code, name in regions.items()}
    every = [code if code == name else f"{code} {name}" for code, name in regions.items()]
    told = ", ".join(every[:MOST]) + (", ..., by code or name" if len(every) > MOST else "")
    question = f"Region, for holidays of its own (empty: the whole country): {told}"

    def read(text: str) -> str:
        code = names.get(text.strip().lower(), text.strip())
        _refuse(unknown_place(country, code or None))
        return code

    return questions.answer("--subdivision", question, given.subdivision, "", read)


def _channels(
    option: str,
    urls: Sequence[str],
    id_: str,
    role: str,
    least: str,
    questions: Questions,
) -> list[Channel]:
    """A role's channels; one is asked for, and may be left for later."""

    def read(url: str, place: int = 1) -> list[Channel]:
        known = {"id": id_ if place == 1 else f"{id_}-{place}", "roles": [role]}
        about = known | {"from_priority": least, "url": url.strip()}
        return [_valid(lambda: Channel(**about))] if url.strip() else []

    if urls:
        return [c for n, url in enumerate(urls, start=1) for c in read(url, n)]
    question = f"How is the {role} told: an address of apprise with {{VARIABLES}}, or empty"
    return questions.answer(option, question, None, "", read)


def _workflows(questions: Questions) -> list[Workflow]:
    """The workflows in production, asked for one by one until a name is left empty."""
    found: list[Workflow] = []
    while questions.terminal:
        question = "A workflow in production, by name (empty: no more)"
        name = questions.terminal.ask(question, "").strip()
        if not name:
            break
        found.append(_workflow(name, questions, {w.id for w in found}))
    return found


def _workflow(name: str, questions: Questions, taken: set[str]) -> Workflow:
    """One workflow, asked for part by part; no id of those that are `taken`."""

    def asked(question: str, proposal: str, key: str, many: bool = False) -> object:
        def read(text: str) -> object:
            _refuse(f"{text!r} is taken" if key == "id" and text.strip() in taken else None)
            value = [part.strip() for part in text.split(",")] if many else text.strip()
            return getattr(_valid(lambda: Workflow(**EXAMPLE | {key: value})), key)

        return questions.answer("--workflow", question, None, proposal, read)

    id_ = asked("  Its short name, for good", company.id_of(name), "id")
    about = {
        "category": asked(f"  Its kind: {', '.join(CATEGORIES)}", "internal", "category"),
        "owner": asked("  Who owns it: a role, not a person", "AI Lead", "owner"),
        "matches": asked("  Where its calls show", f"template:{id_}", "matches", many=True),
    }
    return Workflow(id=str(id_), name=name, **about, export_days=company.EXPORT_DAYS)


def _words(text: str) -> str:
    if not text.strip():
        raise UsageError("the company's name is empty; expected like Example Ltd")
    return text


def _country(text: str) -> str:
    code = company.code_of(text)
    known = re.fullmatch("[A-Z]{2}", code)
    _refuse(unknown_place(code, None) if known else f"{text!r} is no country; expected like AT")
    return code


def _known_zone(text: str) -> str:
    return _valid(lambda: Company(**SOMEWHERE | {"zone": text.strip()})).zone


def _hours(text: str) -> dict:
    return _valid(lambda: Company(**SOMEWHERE | {"hours": company.hours_of(text)})).hours


def _locale(text: str) -> str:
    try:
        return str(Locale.parse(text.strip().replace("-", "_")))
    except (ValueError, UnknownLocaleError) as problem:
        raise UsageError(f"{text!r} is no locale; expected like en_AT or de_AT") from problem


def _refuse(problem: str | None) -> None:
    if problem:
        raise UsageError(problem)


def _valid(made: Callable[[], Answer]) -> Answer:
    """What is made, or a UsageError in the settings' own words."""
    try:
        return made()
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(k) for k in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where}: {said}" if where and where not in said else said) from None
