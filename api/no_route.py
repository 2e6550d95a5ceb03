"""What is told where no route is: the path that is meant, perhaps, or what the path takes."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

from model.errors import Invalid, MooringError, NotFound

_PLACE = re.compile(r"\{\w+\}")
_ALL = "All of them are at /docs."


def no_route(method: str, path: str, paths: Mapping[str, Collection[str]]) -> tuple[MooringError, dict[str, str]]:
    """The error for what no route takes, and its headers; `paths` are OpenAPI's, each with its methods in lower case.

    Of status 404 where there is no such path, 405 where the path takes other methods (RFC 9110: with Allow).

    >>> no_route("PUT", "/v2/users", {"/v2/users": ["get", "post"]})[0].message
    'PUT /v2/users: this path does not take PUT; it takes GET and POST.'
    >>> no_route("GET", "/v2/user", {"/v2/users": ["get"]})[0].message
    'GET /v2/user: there is no such path; /v2/users is meant, perhaps.'
    """
    taken = sorted({name.upper() for known, methods in paths.items() if _fits(known, path) for name in methods})
    if taken:
        told = f"{method} {path}: this path does not take {method}; it takes {' and '.join(taken)}."
        return Invalid(told, hint=f"Send one of these. {_ALL}"), {"Allow": ", ".join(taken)}
    near = _near(path, paths)
    meant = f"; {near} is meant, perhaps" if near else ""
    return NotFound(f"{method} {path}: there is no such path{meant}.", hint=f"Check its words. {_ALL}"), {}


def _fits(known: str, path: str) -> bool:
    return bool(re.fullmatch(_PLACE.sub("[^/]+", known), path))


def _near(path: str, paths: Mapping[str, Collection[str]]) -> str | None:
    """The path without a slash too many, or with its noun spelt as the nearest that there is."""
    short = path.rstrip("/")
    if any(_fits(known, short) for known in paths):
        return short
    start, _, rest = path.removeprefix("/v2/").partition("/")
    nouns = {known.split("/")[2] for known in paths if known.startswith("/v2/")}
    found = [] if start in nouns else get_close_matches(start.lower(), nouns, n=1)
    return "/".join(part for part in ("/v2", found[0], rest) if part) if found else None
