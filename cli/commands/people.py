"""`mooring member`, `user` and `token`: who is in a project, who there is, and what they sign in with."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from cli import bodies, people_report
from cli.api import Api, path
from cli.terminal import AsJson, Terminal, Yes, confirm, run

members = typer.Typer(no_args_is_help=True, help="Members of a project, and their roles.")
users = typer.Typer(no_args_is_help=True, help="Users of the platform; for platform admins.")
tokens = typer.Typer(no_args_is_help=True, help="Tokens to sign in with.")
Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
User = Annotated[str, typer.Argument(help="The user's name.", show_default=False)]


class Role(StrEnum):
    """What a member may do."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    ADMIN = "admin"


@members.command("ls")
def list_members(project: Project, as_json: AsJson = False) -> None:
    """List a project's members."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/projects", project, "members"))
        here.show(found, people_report.members(project, found["members"]))
        return 0

    run(as_json, work)


@members.command("set")
def set_member(
    project: Project,
    user: User,
    role: Annotated[Role, typer.Argument(help="viewer reads, developer deploys, admin also manages members.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Give a user a role in a project, a new one or another."""

    async def work(api: Api, here: Terminal) -> int:
        done = await api.put(path("/v2/projects", project, "members", user), {"role": role.value})
        here.show(done, Text(f"{user} is {role.value} in {project}. See all: mooring member ls {project}"))
        return 0

    run(as_json, work)


@members.command("rm")
def remove_member(project: Project, user: User, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take a user out of a project; what they have open in it ends within seconds."""
    confirm(f"Take {user} out of the project {project}?", yes)

    async def work(api: Api, here: Terminal) -> int:
        done = await api.delete(path("/v2/projects", project, "members", user))
        here.show(done, Text(f"{user} is out of {project}; what they deployed stays."))
        return 0

    run(as_json, work)


@users.command("ls")
def list_users(as_json: AsJson = False) -> None:
    """List all users."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get("/v2/users")
        here.show(found, people_report.users(found["users"]))
        return 0

    run(as_json, work)


@users.command("create")
def create_user(
    user: User, admin: Annotated[bool, typer.Option("--admin", help="A platform admin.")] = False, as_json: AsJson = False
) -> None:
    """Create a user."""

    async def work(api: Api, here: Terminal) -> int:
        made = await api.post("/v2/users", {"name": user, "admin": admin})
        told = f"{user} is created. Next: mooring token create NAME --user {user}, and mooring member set PROJECT {user} ROLE"
        here.show(made, Text(told))
        return 0

    run(as_json, work)


@users.command("delete")
def delete_user(user: User, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a user with their tokens and memberships; what they deployed goes on running."""
    confirm(f"Delete the user {user} with their tokens and memberships?", yes)

    async def work(api: Api, here: Terminal) -> int:
        done = await api.delete(path("/v2/users", user))
        here.show(done, Text(f"{user} is deleted, with tokens and memberships; what they deployed goes on running."))
        return 0

    run(as_json, work)


@tokens.command("ls")
def list_tokens(
    user: Annotated[str | None, typer.Option(help="Only of this user.", show_default=False)] = None, as_json: AsJson = False
) -> None:
    """List tokens, one's own or as a platform admin everybody's; never the tokens themselves."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get("/v2/tokens", user=user)
        here.show(found, people_report.tokens(found["tokens"]))
        return 0

    run(as_json, work)


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="What it is for, such as laptop.", show_default=False)],
    user: Annotated[str | None, typer.Option(help="Whose; by default one's own.", show_default=False)] = None,
    expires: Annotated[str | None, typer.Option(help="Until when, such as 2030-01-31T12:00:00Z.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token; it is printed on a line of its own, this once."""

    async def work(api: Api, here: Terminal) -> int:
        whose = user or (await api.get("/v2/users/me"))["name"]
        made = await api.post("/v2/tokens", bodies.given(user=whose, name=name, expiresAt=expires))
        here.err.print(Text(f"A token of {whose}, shown this once. Sign in with it: mooring login"))
        here.show(made, Text(made["token"], no_wrap=True, overflow="ignore"))
        return 0

    run(as_json, work)


@tokens.command("rm")
def remove_token(
    token: Annotated[str, typer.Argument(metavar="ID", help="The token's id, tok-…")], yes: Yes = False, as_json: AsJson = False
) -> None:
    """Revoke a token; what it has open ends within seconds."""
    confirm(f"Revoke the token {token}?", yes)

    async def work(api: Api, here: Terminal) -> int:
        here.show(await api.delete(path("/v2/tokens", token)), Text(f"{token} is revoked."))
        return 0

    run(as_json, work)
