"""Checks that an answer gives nobody away and left nothing unfinished.

Numbers that carry a check digit (IBAN, cards, VAT and national ids) count only where it is right;
where one digit in ten would be right by chance, only beside the number's name.
"""

import re
from collections.abc import Callable, Mapping
from importlib import import_module

from opsbook.regression.kinds import Kind, Reply, Typed, excerpt, listed

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,24}(?!\w)")
PHONE = re.compile(r"(?<![\w.,/-])(?:\+|00)\d{1,3}[\s./()-]*(?:\d[\s./()-]*){6,13}(?!\d)"
                   r"|(?<![\w.,/-])0\d{1,5}[\s/-]+\d(?:[\s/-]?\d){4,9}(?!\d)")  # fmt: skip
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,3})?\b")
CARD = re.compile(r"(?<![\w-])(?:\d{4}[ -]){3}\d{1,7}(?!\w)|(?<!\w)[3-6]\d{12,18}(?!\w)")
VAT = re.compile(r"\b[A-Z]{2}[ ]?[A-Z0-9]{8,12}\b")
IP = re.compile(
    r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]\d)"
)
NATIONAL = {
    "de.idnr": (r"\b\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}\b", r"steuer|idnr|tax"),
    "at.vnr": (r"\b\d{4}[ ]?\d{6}\b", r"svnr|sozialversicherung|vers"),
    "ch.ssn": (r"\b756\.\d{4}\.\d{4}\.\d{2}\b", ""),
    "fr.nir": (r"\b[12][ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{2}\b", ""),
    "es.dni": (r"\b\d{8}-?[A-Z]\b", ""),
    "es.nie": (r"\b[XYZ]-?\d{7}-?[A-Z]\b", ""),
    "it.codicefiscale": (r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b", ""),
    "nl.bsn": (r"\b\d{9}\b", r"bsn|burgerservice"),
    "pl.pesel": (r"\b\d{11}\b", r"pesel"),
    "pt.nif": (r"\b\d{9}\b", r"nif|contribuinte"),
}
"""National ids: their form, and the word that must stand near where chance could make one."""
NEAR = 40
"""Characters before a number in which its name is looked for."""
LEFTOVERS = (
    (re.compile(r"\{\{[^{}\n]*\}\}|\$\{\w+\}|<%[^%]*%>"), "an unfilled variable"),
    (re.compile(r"\[(?:your |insert |name|date|firma|ihr |company|customer|kunde|nom|votre |nombre|"
                r"su |nome|naam|datum|adress|address|phone|titel|title|unterschrift|signature|"
                r"vorname|nachname|first |last |placeholder|platzhalter|xx+)"
                r"[^\[\]\n]{0,40}\](?!\()",
                re.I), "a placeholder"),
    (re.compile(r"<(?:name|date|company|insert|your)[\w ]*>", re.I), "a placeholder"),
    (re.compile(r"lorem ipsum", re.I), "filler text"),
    (re.compile(r"\b(?:TODO|TBD|FIXME|XXX+)\b"), "a note to oneself"),
    (re.compile(r"\b(?:as an ai\b|as a (?:large )?language model|als (?:ki|ai)[- ](?:sprachmodell|"
                r"assistent|modell)|als sprachmodell|en tant qu[e'’] ?(?:ia|intelligence|modèle de "
                r"langage)|como (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje)|come "
                r"(?:ia|modello linguistico|intelligenza artificiale)|als (?:een )?ai|"
                r"als (?:een )?taalmodel|jako (?:model językowy|sztuczna)|"
                r"como (?:um )?modelo de linguagem)\b", re.I),
     "talk of being an AI"),
)  # fmt: skip
"""What a model leaves in a text that was to be ready."""
Judged = tuple[bool, str]


def _stdnum(name: str) -> Callable[[str], bool]:
    return lambda text: import_module(f"stdnum.{name}").is_valid(text)


def _found(form: re.Pattern, valid: Callable[[str], bool] = bool) -> Callable[[str], list[str]]:
    return lambda text: [m[0] for m in form.finditer(text) if valid(m[0])]


def _national(text: str) -> list[str]:
    found = []
    for name, (form, word) in NATIONAL.items():
        for m in re.finditer(form, text):
            beside = text[max(0, m.start() - NEAR) : m.start()]
            if (not word or re.search(word, beside, re.I)) and _stdnum(name)(m[0]):
                found.append(m[0])
    return found


PERSONAL: Mapping[str, Callable[[str], list[str]]] = {
    "email": _found(EMAIL),
    "phone": _found(PHONE),
    "iban": _found(IBAN, _stdnum("iban")),
    "card": _found(CARD, _stdnum("luhn")),
    "vat": _found(VAT, _stdnum("eu.vat")),
    "id": _national,
    "ip": _found(IP),
}
"""What may give a person away, by the name a list excepts it with."""


def excepted(typed: Typed) -> tuple[str, ...]:
    """The kinds to look for: all, or all except those named."""
    if not typed.value:
        return tuple(PERSONAL)
    said = re.fullmatch(r"except\s+(.+)", typed.value.strip(), re.I | re.S)
    names = [n.lower().replace("e-mail", "email") for n in listed(Typed(said[1]))] if said else []
    if not said or set(names) - set(PERSONAL):
        raise ValueError(
            f'"{typed.value}" is not understood; expected no-pii or no-pii: except '
            f"{', '.join(PERSONAL)}"
        )
    return tuple(n for n in PERSONAL if n not in names)


def no_pii(kinds: tuple[str, ...], reply: Reply) -> Judged:
    """Whether nothing of these kinds stands in the answer; what was found is shown masked."""
    there = [(kind, found) for kind in kinds for found in PERSONAL[kind](reply.text)]
    if not there:
        return True, "gives nobody away"
    return False, "holds " + ", ".join(f"{kind} {masked(found)}" for kind, found in there[:3])


def masked(text: str) -> str:
    """The first two and the last two characters of a text, the rest as dots.

    >>> masked("AT611904300234573201")
    'AT…01'
    """
    return f"{text[:2]}…{text[-2:]}"


def _nothing(typed: Typed) -> None:
    return None


def no_leftovers(_: None, reply: Reply) -> Judged:
    """Whether nothing in the answer still waits to be filled in or taken out."""
    for form, what in LEFTOVERS:
        if found := form.search(reply.text):
            return False, f"has {what}: {excerpt(found[0], 40)}"
    return True, "has nothing left over"


KINDS = (
    Kind("no-pii", "no-pii: except email", "No e-mail, phone, IBAN, card, VAT or national id.",
         excepted, no_pii, needs=""),
    Kind("no-leftovers", "no-leftovers", "No [Name], {{var}}, Lorem ipsum or As an AI.",
         _nothing, no_leftovers, needs="nothing"),
)  # fmt: skip
