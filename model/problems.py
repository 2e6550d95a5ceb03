"""One place in a document or body that is wrong."""

from model.base import Body


class Problem(Body):
    """One place in a document or body that is wrong; line and column count from 1 and are absent for JSON bodies."""

    field: str
    message: str
    line: int | None = None
    column: int | None = None
