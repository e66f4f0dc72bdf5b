"""A reader made from a company's own `[[mapping]]`, for exports that no reader here knows."""

import re

from opsbook.exports.synonyms import unaccented
from opsbook.schema import STATUSES

OUTCOMES = {
    "ok": "ok success successful succeeded true yes completed complete done finished stop passed "
    "erfolg erfolgreich fertig ja succes reussi oui exito correcto si completato riuscito gelukt",
    "error": "failure failed fail false no exception errored internal_error crashed "
    "fehler fehlgeschlagen nein echec erreur non fallo fallido errore fallito fout mislukt nee",
    "rate_limited": "ratelimited rate_limit throttled too_many_requests ratelimit",
    "timeout": "timed_out timedout deadline_exceeded",
    "refused": "refusal filtered content_filter blocked denied",
    "cancelled": "canceled aborted abgebrochen annule",
}
"""What exports call an outcome, besides our own words."""
WORDS = {s: s for s in STATUSES} | {w: s for s, words in OUTCOMES.items() for w in words.split()}
RATE_LIMITED, TIMEOUTS, CANCELLED = ("429",), ("408", "504", "524"), ("499",)
"""HTTP's codes that are no plain error."""


def outcome(word: str) -> str | None:
    """The status that a word or an HTTP code of an export means; None for an unknown one.

    >>> outcome("Succeeded"), outcome("200.0"), outcome("429"), outcome("502"), outcome("maybe")
    ('ok', 'ok', 'rate_limited', 'error', None)
    """
    plain = re.sub(r"[\s-]+", "_", unaccented(word).strip().lower()).removesuffix(".0")
    if not re.fullmatch(r"[1-5]\d\d", plain):
        return WORDS.get(plain)
    if plain < "400":
        return "ok"
    codes = {"rate_limited": RATE_LIMITED, "timeout": TIMEOUTS, "cancelled": CANCELLED}
    return next((s for s, those in codes.items() if plain in those), "error")
