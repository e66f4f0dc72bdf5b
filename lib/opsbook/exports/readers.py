"""All readers, the most particular header set first."""

from opsbook.exports import Reader, anthropic, langfuse, litellm, openai, template

READERS = (
    openai.USAGE,
    openai.COST,
    anthropic.TOKENS,
    langfuse.OBSERVATIONS,
    litellm.LOGS,
    litellm.USAGE,
    template.TEMPLATE,
)


def reader_for(header: tuple[str, ...]) -> Reader | None:
    """The reader that knows a header; None for an unknown one.

    OpenAI's export of a period without usage has the four time columns and no other.
    """
    names = frozenset(header)
    if names == openai.NO_USAGE.needs:
        return openai.NO_USAGE
    return next((r for r in READERS if r.recognises(names)), None)
