"""`mooring login`: try url and token, then keep them for later commands."""

import asyncio
import os
import sys
from typing import Annotated

import typer
from rich.text import Text

from cli import session
from cli.api import Api, Record
from cli.session import Session
from cli.terminal import AsJson, Terminal, terminal

_DEFAULT_URL = "http://127.0.0.1:8000"


def login(
    url: Annotated[str | None, typer.Option(help="The API's address; asked for when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign in: the token is asked for unseen, or read from standard input where that is no terminal.

    The url and token are tried before they are kept, in a file that only you can read.
    MOORING_URL and MOORING_TOKEN in the environment win over it.
    """
    here = terminal(as_json=as_json)
    asked = sys.stdin.isatty()
    if url is None:
        url = typer.prompt("url", default=_DEFAULT_URL, err=True) if asked else _DEFAULT_URL
    token = typer.prompt("token", hide_input=True, err=True) if asked else sys.stdin.readline().strip()
    given = Session(url.rstrip("/"), token)
    raise typer.Exit(_sign_in(here, given))


def _sign_in(here: Terminal, given: Session) -> int:
    me = asyncio.run(_who(given))
    file = session.store(given)
    told = Text(f"Signed in to {given.url} as {me['name']}. Kept in {file}.\nNext: mooring project ls")
    winning = [name for name in ("MOORING_URL", "MOORING_TOKEN") if os.environ.get(name)]
    if winning:
        told.append(f"\nBut {' and '.join(winning)} in the environment win over it; unset them to use it.", style="yellow")
    here.show({"url": given.url, "name": me["name"], "admin": me["admin"], "file": str(file)}, told)
    return 0


async def _who(given: Session) -> Record:
    async with Api(given) as api:
        return await api.get("/v2/users/me")
