"""Checks of the language an answer is in, and of the form in which it addresses its reader."""

import re
from collections.abc import Mapping
from functools import cache

from opsbook.regression.kinds import Kind, Reply, Typed
from opsbook.regression.layout import prose

LANGUAGES = tuple(
    [
        "en",
        "de",
        "fr",
        "es",
        "it",
        "nl",
        "pl",
        "pt",
        "cs",
        "da",
        "sv",
        "fi",
        "no",
        "sk",
        "sl",
        "hr",
        "hu",
        "ro",
        "el",
        "bg",
        "et",
        "lv",
        "lt",
    ]
)
"""What an answer may be taken for; more would mistake short texts."""
SHORTEST = 20
"""Letters under which a language cannot be told."""
FORMAL: Mapping[str, str] = {
    "de": r"\b(?:Sie|Ihnen|Ihr(?:e[mnrs]?)?)\b",
    "fr": r"\b(?:[Vv]ous|[Vv]otre|[Vv]os|[Vv]ôtres?)\b",
    "es": r"\b(?:[Uu]sted(?:es)?|[Ll]e rogamos|[Ss]írvase)\b",
    "it": r"\b(?:Lei|La (?:ringrazi|preg|inform)\w+|Le (?:\w+)|Su[oa]i?|Voi|Vostr[oaie])\b",
    "nl": r"\b(?:[Uu]|[Uu]w|[Uu]zelf)\b",
}
INFORMAL: Mapping[str, str] = {
    "de": r"\b(?i:du|dich|dir|dein(?:e[mnrs]?)?|euch|eure?[mnrs]?)\b",
    "fr": r"\b(?i:tu|te|toi|ton|tes|tien(?:ne)?s?)\b|\b[Tt]'(?=\w)",
    "es": r"\b(?i:tú|ti|contigo|tus|tuy[oa]s?|vosotr[oa]s|vuestr[oa]s?)\b|\b(?:te|tu) (?=\w)",
    "it": r"\b(?i:tu|ti|te|tuo|tua|tuoi|tue)\b",
    "nl": r"\b(?i:je|jij|jou|jouw|jullie)\b",
}
FORMS = {"formal": FORMAL, "informal": INFORMAL}
SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|\n\s*(?:[-*•]\s*)?|[\"“„]\s*)$")
Judged = tuple[bool, str]


@cache
def _identifier() -> object:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    found = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    found.set_languages(list(LANGUAGES))
    return found


def language_of(text: str) -> str | None:
    """The language a text is in, as ISO 639-1; None where it is too short to tell.

    >>> language_of("Ihre Bestellung ist heute Morgen verschickt worden.")
    'de'
    """
    plain = prose(text)
    if sum(c.isalpha() for c in plain) < SHORTEST:
        return None
    return _identifier().classify(plain)[0]


def named(typed: Typed) -> str:
    """A language by its code; ValueError for one that cannot be told apart."""
    code = re.split("[-_]", typed.value.strip().lower())[0]
    if code not in LANGUAGES:
        raise ValueError(f'"{typed.value}" is no language; expected one of {", ".join(LANGUAGES)}')
    return code


def in_language(wanted: str, reply: Reply) -> Judged:
    """Whether the answer is in the language; one too short to tell is not."""
    found = language_of(reply.text)
    if found is None:
        return False, "is too short to tell its language"
    return found == wanted, f"is in {found}"


def addressed(typed: Typed) -> tuple[str, str]:
    """The form of address, and the language of the case or the one in parentheses."""
    found = re.fullmatch(r"(formal|informal)(?:\s*\(([a-z]{2})\))?", typed.value.strip().lower())
    if not found:
        raise ValueError(f'"{typed.value}" is no form of address; expected formal or informal')
    code = found[2] or re.split("[-_]", typed.language)[0]
    if code and code not in FORMAL:
        raise ValueError(f"the form of address is not told in {code}, only in {', '.join(FORMAL)}")
    return found[1], code


def forms_of_address(text: str, code: str) -> tuple[int, int]:
    """How often a text addresses its reader formally and informally.

    A German "Sie" or Italian "Lei" at the start of a sentence may mean she or they: it counts only
    where nothing else tells.

    >>> forms_of_address("Sie ist da. Bitte rufen Sie uns an.", "de")
    (1, 0)
    """
    plain = prose(text)
    informal = len(re.findall(INFORMAL[code], plain))
    places = [m.start() for m in re.finditer(FORMAL[code], plain)]
    if code not in ("de", "it"):
        return len(places), informal
    certain = sum(not SENTENCE_START.search(plain[max(0, p - 8) : p]) for p in places)
    return certain or (0 if informal else len(places)), informal


def is_addressed(spec: tuple[str, str], reply: Reply) -> Judged:
    """Whether the reader is addressed in this form throughout, and at all."""
    wanted, code = spec
    code = code or language_of(reply.text) or ""
    if code not in FORMAL:
        return False, "is in no language whose form of address can be told"
    formal, informal = forms_of_address(reply.text, code)
    if not formal and not informal:
        return False, "addresses nobody"
    if formal and informal:
        return False, f"mixes formal ({formal}) and informal ({informal}) address"
    found = "formal" if formal else "informal"
    return found == wanted, f"addresses its reader in the {found} way"


KINDS = (
    Kind("language", "language: de", "It is in this language.", named, in_language),
    Kind("address", "address: formal", "How it addresses its reader: Sie, vous, usted, Lei, u."
         " Or informal.", addressed, is_addressed),
)  # fmt: skip
