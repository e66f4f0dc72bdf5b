"""All readers, the most particular header set first."""

from opsbook.exports import Reader, anthropic, langfuse, litellm, openai, template

READERS = (
    openai.USAGE,
    openai.COST,
    openai.NO_USAGE,
    anthropic.TOKENS,
    langfuse.OBSERVATIONS,
    litellm.LOGS,
    litellm.USAGE,
    template.TEMPLATE,
)


UNFOLDS = tuple(r.unfold for r in READERS if r.unfold)


def reader_for(header: tuple[str, ...]) -> Reader | None:
    """The reader that knows a header; None for an unknown one."""
    names = frozenset(header)
    return next((r for r in READERS if r.recognises(names)), None)
