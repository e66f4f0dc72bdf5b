"""OTLP-JSON, OpenTelemetry's way of writing spans, as flat records: one per span.

A document nests spans in scopes in resources and spells attributes as lists of typed values; 64-bit
numbers are texts. Whatever is not where it should be is passed over.
"""

from collections.abc import Collection, Iterator

OWN = ("traceId", "spanId", "startTimeUnixNano", "endTimeUnixNano")


def spans(document: object, kept: Collection[str]) -> list[dict[str, str | None]] | None:
    """The spans of a request with the attributes in `kept`, None for a document of another kind.

    An attribute of the resource holds for its spans. Beside the attributes stand the span's own
    fields, `status.code` and `status.message`.
    """
    if not isinstance(document, dict) or not isinstance(document.get("resourceSpans"), list):
        return None
    blank = dict.fromkeys(kept)
    return [
        blank | place | _attributes(span, kept) | _own(span)
        for resource in _objects(document["resourceSpans"])
        for place in [_attributes(resource.get("resource"), kept)]
        for span in _within(resource)
    ]


def _within(resource: dict) -> Iterator[dict]:
    """The spans of a resource; before 2022 their scopes had another name."""
    for scope in _objects(resource.get("scopeSpans", resource.get("instrumentationLibrarySpans"))):
        yield from _objects(scope.get("spans"))


def _own(span: dict) -> dict[str, str | None]:
    status = span.get("status")
    told = status if isinstance(status, dict) else {}
    own = {f"status.{part}": _text(told.get(part)) for part in ("code", "message")}
    return own | {name: _text(span.get(name)) for name in OWN}


def _attributes(owner: object, kept: Collection[str]) -> dict[str, str | None]:
    """The attributes of a span or a resource, as texts."""
    listed = owner.get("attributes") if isinstance(owner, dict) else None
    named = ((a.get("key"), a.get("value")) for a in _objects(listed))
    return {key: _plain(value) for key, value in named if isinstance(key, str) and key in kept}


def _plain(value: object) -> str | None:
    """A typed value as text: {"intValue": "12"} is 12, a list its values with commas."""
    held = _held(value)
    if not isinstance(held, dict):
        return _text(held)
    texts = [_text(_held(v)) for v in _objects(held.get("values"))]
    return ",".join(t for t in texts if t is not None) or None


def _held(value: object) -> object:
    return next(iter(value.values()), None) if isinstance(value, dict) else value


def _text(value: object) -> str | None:
    return None if value is None or isinstance(value, dict | list) else str(value)


def _objects(values: object) -> list[dict]:
    return [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []
