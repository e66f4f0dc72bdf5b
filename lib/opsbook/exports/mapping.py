"""A reader made from a company's own `[[mapping]]`, for exports that no reader here knows.

What the settings say of units, zone, decimals and cached tokens is done here and nowhere else.
Figures that contradict it (more cached tokens than input, a score above 1) set the row aside.
"""

import re
from functools import partial

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.cells import literal
from opsbook.exports.fields import Fields, first
from opsbook.exports.synonyms import unaccented
from opsbook.schema import OUTPUT_CLASSES, STATUSES
from opsbook.settings import Mapping

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
CODES = {
    "429": "rate_limited", "408": "timeout", "504": "timeout", "524": "timeout", "499": "cancelled",
}  # fmt: skip
"""HTTP's codes that are no plain error."""

BUCKETS = {"call": 0, "minute": 60, "hour": 3600, "day": 86400}
LATENCY_MS = {"ms": 1, "s": 1000, "min": 60_000}
COST_PARTS = {"units": 1, "cents": 100, "micro": 1_000_000}
TOKENS = {"1": 1, "1k": 1000, "1M": 1_000_000}
TEXTS = (
    "account", "run_id", "provider", "error_type", "finish_reason", "prompt_version", "region",
)  # fmt: skip
TOTALS_KEY = ("ts", *TEXTS, "model", "request_model", "served_model", "status", "currency")
"""What names a total across exports: its figures may be corrected by a later one."""


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
    return CODES.get(plain, "error")


def mapped_reader(mapping: Mapping) -> Reader:
    """The reader of the exports that a mapping speaks of."""
    included = mapping.input_tokens_include_cache
    return Reader(
        source=mapping.id,
        title=mapping.title,
        input_tokens=f"all input, cached {'included' if included else 'added from their columns'}",
        needs=frozenset(mapping.header),
        read=partial(read_mapped, mapping),
        codebook=f"One row per {mapping.bucket}, mapped in the company's settings.",
    )


def read_mapped(mapping: Mapping, fields: Fields) -> Reading:
    """Calls or totals as a mapping says; decimals and dates in its style, whatever the file's."""
    fields.columns = _inside(mapping, fields.columns)
    fields.comma, fields.month_first = mapping.decimal == "comma", mapping.dates == "month first"
    ts = fields.time(mapping.columns["ts"], mapping.zone)
    width = BUCKETS[mapping.bucket]
    calls = {
        "ts": ts,
        "bucket_s": str(width),
        "row_key": _key(mapping, fields),
        **{name: _text(mapping, fields, name) for name in TEXTS},
        **_models(mapping, fields),
        "requests": _requests(mapping, fields),
        "status": _status(mapping, fields),
        **_tokens(mapping, fields),
        **_money(mapping, fields),
        "latency_ms": _scaled(mapping, fields, "latency_ms", LATENCY_MS[mapping.units.latency]),
        **_answer(mapping, fields),
    }
    told = {**mapping.columns, **mapping.constants}.get("status", "unknown")
    return Reading(
        calls=(Part(calls, twins=not mapping.key),),
        covered=(ts, _end(ts, mapping)) if width else None,
        bucket_s=str(width),
        has_status=told != "unknown",
    )


def _inside(mapping: Mapping, columns: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The file's columns, and those that lie inside its JSON objects, like usage.prompt_tokens."""
    found = dict(columns)
    for name in (*mapping.columns.values(), *mapping.key):
        parts = name.split(".")
        tops = (n for n in range(1, len(parts)) if ".".join(parts[:n]) in columns)
        top = None if name in columns else next(tops, None)
        if top is not None:
            cell = f"{columns['.'.join(parts[:top])][0]}::VARCHAR"
            path = literal("$" + "".join(f'."{step}"' for step in parts[top:]))
            inner = f"CASE WHEN json_valid({cell}) THEN json_extract_string({cell}, {path}) END"
            found[name] = (inner, "VARCHAR")
    return found


def _end(ts: str, mapping: Mapping) -> str:
    """The end of a total: a day ends at midnight in its zone, however long it was."""
    if mapping.bucket != "day":
        return f"{ts} + INTERVAL {BUCKETS[mapping.bucket]} SECOND"
    zone = literal(mapping.zone)
    return f"timezone({zone}, timezone({zone}, {ts}) + INTERVAL 1 DAY)"


def _key(mapping: Mapping, fields: Fields) -> str:
    """What names a row: the key's columns; else all mapped ones, of totals all but figures."""
    for name in mapping.key:
        fields.refuse_missing(name, fields.cell(name))
    named = mapping.columns
    whole = [*named] if mapping.bucket == "call" else [n for n in named if n in TOTALS_KEY]
    return fields.key(*(mapping.key or dict.fromkeys(named[n] for n in whole)))


def _text(mapping: Mapping, fields: Fields, name: str) -> str:
    """A column of words: the mapped one, or the constant; NULL when there is neither."""
    if name in mapping.constants:
        return literal(mapping.constants[name])
    return fields.text(mapping.columns[name]) if name in mapping.columns else "NULL::VARCHAR"


def _models(mapping: Mapping, fields: Fields) -> dict[str, str]:
    """Who was asked and who answered; one `model` stands for both."""
    both = _text(mapping, fields, "model")
    pair = {n: _text(mapping, fields, n) for n in ("request_model", "served_model")}
    return {name: first(own, both) for name, own in pair.items()}


def _requests(mapping: Mapping, fields: Fields) -> str:
    """The count that a row has; 1 for a call and for a run; unknown for other totals."""
    if "requests" in mapping.columns:
        return fields.integer(mapping.columns["requests"])
    single = mapping.bucket == "call" or "run_id" in mapping.columns
    return "1" if single else "NULL::BIGINT"


def _status(mapping: Mapping, fields: Fields) -> str:
    """The outcome by the mapping's words, by words that many exports use, or by HTTP's codes."""
    if "status" not in mapping.columns:
        return literal(mapping.constants.get("status", "unknown"))
    name = mapping.columns["status"]
    word = fields.text(name)
    plain = fields.value(rf"regexp_replace(lower(strip_accents({word})), '[\s-]+', '_', 'g')")
    own = {w.lower(): s for w, s in mapping.status.items()}
    found = fields.value(first(_looked_up(f"lower({word})", own), _looked_up(plain, WORDS),
                               _http(plain)))  # fmt: skip
    known = f"is not known; say what it means under [mapping.status]: {', '.join(STATUSES)}"
    fields.refuse(f"{word} IS NOT NULL AND {found} IS NULL", name, known)
    return first(found, "'unknown'")


def _looked_up(value: str, words: dict[str, str]) -> str:
    cases = " ".join(f"WHEN {literal(w)} THEN {literal(s)}" for w, s in words.items())
    return f"CASE {value} {cases} END" if cases else "NULL::VARCHAR"


def _http(plain: str) -> str:
    """The outcome that a code of HTTP tells."""
    code = f"try_cast(try_cast({plain} AS DOUBLE) AS INTEGER)"
    special = _looked_up(f"{code}::VARCHAR", CODES)
    usual = (
        f"CASE WHEN {code} BETWEEN 100 AND 399 THEN 'ok' "
        f"WHEN {code} BETWEEN 400 AND 599 THEN 'error' END"
    )
    return first(special, usual)


def _scaled(mapping: Mapping, fields: Fields, name: str, by: float) -> str:
    """A mapped number times what its unit is worth; NULL when it is not mapped."""
    if name not in mapping.columns:
        return "NULL::DOUBLE"
    value = fields.number(mapping.columns[name])
    return value if by == 1 else f"{value} * {by}"


def _count(mapping: Mapping, fields: Fields, name: str) -> str:
    """A mapped count of tokens; a fraction of one is refused, unless they are in thousands."""
    if mapping.units.tokens == "1" and name in mapping.columns:
        return fields.integer(mapping.columns[name])
    whole = f"round({_scaled(mapping, fields, name, TOKENS[mapping.units.tokens])})"
    return f"{whole}::BIGINT"


def _tokens(mapping: Mapping, fields: Fields) -> dict[str, str]:
    """Tokens, the input with its cached parts; a row whose parts exceed the whole is refused."""
    kinds = ("cache_read", "cache_write", "output", "reasoning", "input")
    counts = {f"{kind}_tokens": _count(mapping, fields, f"{kind}_tokens") for kind in kinds}
    whole = counts["input_tokens"]
    read, write = (f"coalesce({counts[f'cache_{kind}_tokens']}, 0)" for kind in ("read", "write"))
    if not mapping.input_tokens_include_cache:
        return counts | {"input_tokens": f"{whole} + {read} + {write}"}
    if "input_tokens" in mapping.columns:
        why = "is less than the cached tokens; if it excludes them, set input_tokens_include_cache"
        name = mapping.columns["input_tokens"]
        fields.refuse(f"{read} + {write} > {whole}", name, f"{why} = false")
    return counts


def _money(mapping: Mapping, fields: Fields) -> dict[str, str]:
    """The cost in units of its currency; a cost without a currency is refused."""
    if "cost" not in mapping.columns:
        return {}
    part = COST_PARTS[mapping.units.cost]
    cost = fields.number(mapping.columns["cost"])
    currency = f"upper({_text(mapping, fields, 'currency')})"
    if "currency" in mapping.columns:
        name = mapping.columns["currency"]
        fields.refuse(f"NOT regexp_full_match({currency}, '[A-Z]{{3}}')", name, "is no currency")
        fields.refuse_missing(name, currency, f"{cost} IS NOT NULL")
    return {
        "cost": cost if part == 1 else f"{cost} / {part}",
        "currency": f"CASE WHEN {cost} IS NOT NULL THEN {currency} END",
    }


def _answer(mapping: Mapping, fields: Fields) -> dict[str, str]:
    """How good an answer was, 0 to 1, and of what class."""
    quality = _scaled(mapping, fields, "quality", 1)
    if "quality" in mapping.columns:
        fields.refuse(f"{quality} > 1", mapping.columns["quality"], "is above 1; expected 0 to 1")
    if "output_class" not in mapping.columns:
        return {"quality": quality}
    name = mapping.columns["output_class"]
    kind = fields.value(f"lower({fields.text(name)})")
    fields.refuse_unknown(name, kind, OUTPUT_CLASSES)
    return {"quality": quality, "output_class": kind}
