"""`mooring login`, `whoami` and `use`: who asks which platform about which project."""

import asyncio
import os
import sys
from typing import Annotated

import typer
from rich.text import Text

from cli import people_report, session
from cli.api import Api, Record, path
from cli.failures import Refused
from cli.session import Session
from cli.terminal import AsJson, Terminal, run, terminal

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


def whoami(as_json: AsJson = False) -> None:
    """Show who you are signed in as, where, your roles, and the project in use."""

    async def work(api: Api, here: Terminal) -> int:
        me, used = await api.get("/v2/users/me"), session.project_in_use()
        unseen = used is not None and not await _is_there(api, used)
        shown = people_report.me(me, api.url, used, unseen=unseen)
        here.show({**me, "url": api.url, "project": used, "projectIsThere": not unseen if used else None}, shown)
        return 0

    run(as_json, work)


async def _is_there(api: Api, project: str) -> bool:
    try:
        await api.get(path("/v2/projects", project))
    except Refused as refused:
        if refused.status != 404:
            raise
        return False
    return True


def use(
    project: Annotated[str | None, typer.Argument(help="The project to use; without one the present one is told.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Use none any more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Choose the project that commands mean where they name none.

    MOORING_PROJECT in the environment wins over it, and --project over both.
    """

    async def work(api: Api, here: Terminal) -> int:
        if none:
            session.use(None)
        elif project:
            await api.get(path("/v2/projects", project))
            session.use(project)
        found = session.project_in_use()
        here.show({"project": found}, people_report.in_use(found, project))
        return 0

    run(as_json, work)


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
