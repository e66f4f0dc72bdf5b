"""All readers, the most particular header set first."""

from collections.abc import Sequence

from opsbook.errors import SettingsError
from opsbook.exports import (
    Reader,
    anthropic,
    azure,
    bedrock,
    focus,
    langfuse,
    litellm,
    n8n,
    openai,
    openrouter,
    otel,
    template,
)
from opsbook.exports.mapping import mapped_reader
from opsbook.settings import Mapping

READERS = (
    openai.USAGE,
    openai.COST,
    openai.NO_USAGE,
    anthropic.TOKENS,
    anthropic.COST,
    anthropic.API_USAGE,
    anthropic.API_COST,
    anthropic.NO_USAGE,
    langfuse.OBSERVATIONS,
    langfuse.OLDER,
    langfuse.TRACES,
    litellm.LOGS,
    litellm.USAGE,
    openrouter.GENERATIONS,
    openrouter.TOTALS,
    focus.BILL,
    azure.ENTERPRISE,
    azure.ENTERPRISE_2024,
    azure.CUSTOMER,
    bedrock.INVOCATIONS,
    otel.SPANS,
    n8n.EXECUTIONS,
    template.TEMPLATE,
)


UNFOLDS = tuple(dict.fromkeys(r.unfold for r in READERS if r.unfold))


def reader_for(header: tuple[str, ...], mappings: Sequence[Mapping] = ()) -> Reader | None:
    """The reader that knows a header; None for an unknown one.

    The company's own mappings come last, the one that asks for most columns first of them.
    """
    names = frozenset(header)
    return next((r for r in (*READERS, *own_readers(mappings)) if r.recognises(names)), None)


def own_readers(mappings: Sequence[Mapping]) -> list[Reader]:
    """The readers that a company's mappings make; a SettingsError when one takes another's name."""
    taken = {r.source for r in READERS}
    doubled = next((m.id for m in mappings if m.id in taken), None)
    if doubled:
        raise SettingsError(
            f"settings/mappings.toml: the id {doubled!r} is that of a reader; choose another."
        )
    return sorted(map(mapped_reader, mappings), key=lambda r: -len(r.needs))
