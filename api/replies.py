"""Replies written once, and the total of a list of what grows for ever."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import Response
from pydantic_core import to_json

from records.store import MOST_COUNTED


def as_json(content: Any) -> Response:
    """The reply with that content. What a route returns as a value FastAPI looks through, copies and only then writes."""
    return Response(to_json(content), media_type="application/json")


def object_of(values: Mapping[str, Any], **texts: str | None) -> bytes:
    """A JSON object of values, and of texts that are JSON already, as PostgreSQL has it; None is null.

    >>> object_of({"id": 1}, request='{"a": 2}', error=None)
    b'{"id":1,"request":{"a": 2},"error":null}'
    """
    ready = ",".join([f'"{name}":{text or "null"}' for name, text in texts.items()])
    return b"%b,%b}" % (to_json(values)[:-1], ready.encode())


def list_of(name: str, lines: Iterable[bytes], told: Mapping[str, Any]) -> Response:
    """The reply of a list: `told` of it, and under that name its lines, each a JSON object."""
    content = b'%b,"%b":[%b]}' % (to_json(told)[:-1], name.encode(), b",".join(lines))
    return Response(content, media_type="application/json")


def counted(total: int) -> dict[str, Any]:
    """The fields that tell how many there are: beyond MOST_COUNTED `total` stands still, and `totalIsAtLeast` is true."""
    return {"total": min(total, MOST_COUNTED), "totalIsAtLeast": total > MOST_COUNTED}
