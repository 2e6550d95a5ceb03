"""The documented table of all errors, made of their classes."""

from typing import Any

from model.errors import error_classes


def error_table() -> list[dict[str, Any]]:
    """The documented table: reason, Code, HTTP status, fault, retryable, meaning, hint; sorted by code."""
    return sorted(
        (
            {
                "reason": c.__name__,
                "code": c.code,
                "status": c.status,
                "fault": c.fault,
                "retryable": c.retryable,
                "meaning": (c.__doc__ or "").strip(),
                "hint": c.hint,
            }
            for c in error_classes()
        ),
        key=lambda row: row["code"],
    )
