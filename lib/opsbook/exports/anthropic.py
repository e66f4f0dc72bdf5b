"""Anthropic's console exports and its Admin API's pages: tokens (totals) and cost (bills).

The console's date is a day or an hour, without a zone: UTC. There is neither a count of requests
nor an outcome: tokens are what the usage tells. The console writes cost in dollars, under a model's
display name; the API in cents. Searches and other tools are bills of their own, no part of a
model's tokens.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first
from opsbook.exports.pages import results

HOUR_S, DAY_S = 3600, 86400
CACHE_WRITES = ("usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h")
KEY = (
    "usage_date_utc", "model_version", "api_key", "workspace", "usage_type",
    "context_window", "inference_geo", "speed",
)  # fmt: skip


COST_KEY = (
    "usage_date_utc", "model", "workspace", "api_key", "usage_type", "context_window",
    "token_type", "cost_type", "inference_geo", "speed", "api_key_id",
)  # fmt: skip
PERIOD = ("starting_at", "ending_at")
API_KEY = ("workspace_id", "api_key_id", "model", "service_tier", "context_window", "inference_geo")
API_TOKENS = (
    "uncached_input_tokens", "cache_read_input_tokens", "ephemeral_5m_input_tokens",
    "ephemeral_1h_input_tokens", "output_tokens",
)  # fmt: skip
CENTS = 100


def read_tokens(fields: Fields) -> Reading:
    """Totals per day or hour, model, workspace and key."""
    start = fields.time("usage_date_utc")
    width = (
        f"CASE WHEN contains({fields.cell('usage_date_utc')}, ':') THEN {HOUR_S} ELSE {DAY_S} END"
    )
    calls = {
        "ts": start,
        "bucket_s": width,
        "row_key": fields.key(*KEY),
        "account": fields.text("workspace"),
        **_used(
            fields,
            "model_version",
            "usage_input_tokens_no_cache",
            "usage_input_tokens_cache_read",
            CACHE_WRITES,
            "usage_output_tokens",
        ),
    }
    return _totals(Part(calls), _day_of(start), width)


def read_usage(fields: Fields) -> Reading:
    """Totals of the Admin API per bucket, model, workspace and key."""
    start, end = (fields.time(name) for name in PERIOD)
    width = f"date_diff('second', {start}, {end})"
    plain, reads, short, long, output = API_TOKENS
    calls = {
        "ts": start,
        "bucket_s": width,
        "row_key": fields.key("starting_at", *API_KEY),
        "account": fields.text("workspace_id"),
        **_used(fields, "model", plain, reads, (short, long), output),
    }
    return _totals(Part(calls, where=f"{fields.cell(plain)} IS NOT NULL"), (start, end), width)


def _used(
    fields: Fields, model: str, plain: str, reads: str, writes: tuple[str, str], output: str
) -> dict[str, str]:
    """The tokens of a row: all input is what was not cached, read, and written for short or long.

    A count that the uncached input or the output lacks is missing; of the cache's, none is 0.
    """
    there = f"{fields.cell(plain)} IS NOT NULL OR {fields.cell(output)} IS NOT NULL"
    fresh, told = fields.integer(plain), fields.integer(output)
    for name, value in ((plain, fresh), (output, told)):
        fields.refuse_missing(name, value, needed=there)
    read, short, long = (first(fields.integer(c), "0") for c in (reads, *writes))
    return {
        "provider": "'anthropic'",
        "request_model": fields.text(model),
        "served_model": fields.text(model),
        "status": "'unknown'",
        "input_tokens": f"{fresh} + {short} + {long} + {read}",
        "cache_read_tokens": read,
        "cache_write_tokens": f"{short} + {long}",
        "cache_write_1h_tokens": long,
        "output_tokens": told,
        "region": fields.text("inference_geo"),
    }


def _day_of(start: str) -> tuple[str, str]:
    day = f"date_trunc('day', {start})"
    return day, f"{day} + INTERVAL 1 DAY"


def _totals(part: Part, covered: tuple[str, str], width: str) -> Reading:
    return Reading(calls=(part,), covered=covered, bucket_s=width, has_status=False)


def read_cost(fields: Fields) -> Reading:
    """Bills of the console per day, model, workspace, key and kind of token, in dollars."""
    period = _day_of(fields.time("usage_date_utc"))
    kind, named = fields.text("cost_type"), first(fields.text("token_type"), fields.text("model"))
    bill = {
        "row_key": fields.key(*COST_KEY),
        "account": fields.text("workspace"),
        "line_item": _line_item(fields, kind, named),
        "amount": fields.number("cost_usd", required=True, signed=True),
        "currency": "'USD'",
    }
    return _billed(bill, period, "true")


def read_cost_report(fields: Fields) -> Reading:
    """Bills of the Admin API per bucket, workspace, model and kind of token: cents, as dollars."""
    period = tuple(fields.time(name) for name in PERIOD)
    amount = fields.number("amount", signed=True)
    kind = fields.text("cost_type")
    named = first(fields.text("token_type"), fields.text("description"))
    bill = {
        "row_key": fields.key("starting_at", *API_KEY, "token_type", "cost_type", "description"),
        "account": fields.text("workspace_id"),
        "line_item": _line_item(fields, kind, named),
        "amount": f"{amount} / {CENTS}",
        "currency": first(f"upper({fields.text('currency')})", "'USD'"),
    }
    return _billed(bill, period, f"{amount} IS NOT NULL")


def _line_item(fields: Fields, kind: str, named: str) -> str:
    """What a bill is for: a model's tokens by the model, anything else by its own name."""
    model = fields.text("model")
    said = first(kind, "'token'")
    tokens = f"lower({said}) IN ('token', 'tokens') AND {model} IS NOT NULL"
    return (
        f"CASE WHEN {tokens} THEN concat_ws(', ', {model}, {named}) ELSE {first(kind, named)} END"
    )


def _billed(bill: dict[str, str], period: tuple[str, str], where: str) -> Reading:
    start, end = period
    told = {"provider": "'anthropic'", "period_start": start, "period_end": end} | bill
    width = f"date_diff('second', {start}, {end})"
    part = Part(told, where=where)
    return Reading(bills=(part,), covered=period, bucket_s=width, has_status=False)


def read_empty(fields: Fields) -> Reading:
    """A page of the Admin API without usage: nothing but its buckets."""
    start, end = (fields.time(name) for name in PERIOD)
    width = f"date_diff('second', {start}, {end})"
    return Reading(covered=(start, end), bucket_s=width, has_status=False)


def unfolded(document: object) -> list[dict] | None:
    """The results of a page of the Admin API, each with its bucket's times."""
    found = results(document, "starting_at")
    if found is None:
        return None
    return [{n: bucket.get(n) for n in PERIOD} | _flat(result) for bucket, result in found]


def _flat(result: dict) -> dict:
    """A result's columns, the cache's writes beside the others; none of a bucket without any."""
    if "amount" in result or not result:
        return result
    writes = result.get("cache_creation")
    told = {k: v for k, v in result.items() if k != "cache_creation"}
    return dict.fromkeys(API_TOKENS) | told | (writes if isinstance(writes, dict) else {})


TOKENS = Reader(
    source="anthropic",
    title="Anthropic console, tokens",
    input_tokens="uncached input; cache reads and writes stand beside it and are added",
    needs=frozenset(
        ["usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens"]
    ),
    read=read_tokens,
    codebook="One row per day or hour, model and workspace; no requests, outcomes, runs or cost.",
)
COST = Reader(
    source="anthropic",
    title="Anthropic console, cost",
    input_tokens="no tokens",
    needs=frozenset(["usage_date_utc", "model", "token_type", "cost_usd"]),
    read=read_cost,
    codebook="One row per day, model and kind of token, in USD; joined to the tokens, never added.",
)
API_USAGE = Reader(
    source="anthropic",
    title="Anthropic Admin API, usage report",
    input_tokens="uncached input; cache reads and writes stand beside it and are added",
    needs=frozenset([*PERIOD, "uncached_input_tokens", "output_tokens"]),
    read=read_usage,
    unfold=unfolded,
    codebook="One row per bucket, model and workspace; no requests, outcomes, runs or cost.",
)
API_COST = Reader(
    source="anthropic",
    title="Anthropic Admin API, cost report",
    input_tokens="no tokens",
    needs=frozenset([*PERIOD, "amount"]),
    read=read_cost_report,
    codebook="One row per day, model and kind of token; cents, turned into USD; joined, not added.",
)
NO_USAGE = Reader(
    source="anthropic",
    title="Anthropic Admin API, a period without usage",
    input_tokens="no tokens",
    needs=frozenset(PERIOD),
    exactly=True,
    read=read_empty,
    codebook="Only the buckets' times: an empty period.",
)
