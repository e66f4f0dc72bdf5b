"""The vendors' usage and cost APIs answer in pages of buckets of results."""


def results(document: object, start: str) -> list[tuple[dict, dict]] | None:
    """Each bucket of a page, or the one that a document is, with each of its results.

    A bucket without results stands there once, with an empty one: a period without usage. None for
    a document that is no page of buckets with a `start`; a page without buckets has none.
    """
    inside = document.get("data") if isinstance(document, dict) else None
    buckets = inside if isinstance(inside, list) else [document]
    if not buckets and "has_more" not in document:
        return None
    if not all(_is_bucket(b, start) for b in buckets):
        return None
    return [(b, r if isinstance(r, dict) else {}) for b in buckets for r in b["results"] or [{}]]


def _is_bucket(value: object, start: str) -> bool:
    return isinstance(value, dict) and start in value and isinstance(value.get("results"), list)
