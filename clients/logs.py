"""What API and worker write to standard output (structlog)."""

import structlog


def plain() -> None:
    """Have a traceback tell where it went wrong, and not what the variables held: they may be tokens and secrets.

    Without it structlog shows each frame's variables wherever rich is installed (structlog: Console Output, exceptions).
    """
    *before, _ = structlog.get_config()["processors"]
    structlog.configure(processors=[*before, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])
