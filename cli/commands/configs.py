"""`mooring config` and `mooring secret`: the same commands for ConfigMaps and Secrets."""

import base64
import shlex
import sys
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import config_report as report
from cli.api import Api, path
from cli.commands.operations import watch
from cli.failures import Failure
from cli.terminal import AsJson, Terminal, Yes, confirm, run

app = typer.Typer()
configs = typer.Typer(no_args_is_help=True, help="ConfigMaps: groups of entries that apps have as files or variables.")
secrets = typer.Typer(no_args_is_help=True, help="Secrets: the same for passwords, keys and certificates.")
configs.add_typer(app)
secrets.add_typer(app)
PLURALS = {"config": "configmaps", "secret": "secrets"}
Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name.", show_default=False)]
Entry = Annotated[str, typer.Argument(help="The entry's name.", show_default=False)]
File = Annotated[Path | None, typer.Option("--file", "-f", help="Take the content of this file.", show_default=False)]


@app.command("ls")
def list_groups(
    ctx: typer.Context,
    project: Project,
    name: Annotated[str, typer.Option(help="Only those with this in their name.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List a project's groups."""
    plural = _plural(ctx)

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path(f"/v2/{plural}", project), name=name, size=limit)
        here.show(found, report.groups(_word(ctx), project, found[plural], found["total"]))
        return 0

    run(as_json, work)


@app.command("show")
def show_group(ctx: typer.Context, project: Project, group: Name, as_json: AsJson = False) -> None:
    """Show a group: its entries, how many apps use each, and its versions; never a value."""
    place = (f"/v2/{_plural(ctx)}", project, group)

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path(*place), values="false")
        versions = (await api.get(path(*place, "versions"), size=10))["versions"]
        here.show({**found, "versions": versions}, report.group(found, versions))
        return 0

    run(as_json, work)


@app.command("get")
def get_entry(ctx: typer.Context, project: Project, group: Name, entry: Entry) -> None:
    """Write an entry's content, byte for byte, to standard output. Reading a secret is recorded."""
    place = (f"/v2/{_plural(ctx)}", project, group, entry)

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path(*place))
        encoded = _word(ctx) == "secret" or found.get("encoding") == "base64"
        sys.stdout.buffer.write(base64.b64decode(found["data"]) if encoded else found["data"].encode())
        return 0

    run(False, work)


@app.command("create")
def create_group(
    ctx: typer.Context,
    project: Project,
    group: Name,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files that become entries of their names.", show_default=False)
    ] = None,
    from_file: Annotated[
        list[str] | None,
        typer.Option(
            help="The same: FILE, ENTRY=FILE, or a directory, whose files are taken. May be repeated.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a group, empty or with files as its entries."""
    chosen = [*((file.name, file) for file in files or []), *(found for one in from_file or [] for found in _named(one))]
    if twice := [name for name, count in Counter(name for name, _ in chosen).items() if count > 1]:
        raise Failure(f"Several files would be the entry {twice[0]}. Name them apart: --from-file ENTRY=FILE.")

    for file in files or []:
        _check_file(_word(ctx), project, group, file)

    async def work(api: Api, here: Terminal) -> int:
        given = {name: _encoded(_read(file)) for name, file in chosen}
        data = {name: body["data"] for name, body in given.items()}
        encoding = {} if _word(ctx) == "secret" else dict.fromkeys(data, "base64")
        found = await api.post(path(f"/v2/{_plural(ctx)}", project), {"name": group, "data": data, "encoding": encoding})
        return await _told(ctx, api, here, found, f"{_word(ctx)} {group} created {_with(data)}.")

    run(as_json, work)


@configs.command("set")
def set_entry(
    ctx: typer.Context,
    project: Project,
    group: Name,
    entry: Entry,
    value: Annotated[str | None, typer.Argument(help="The content; without it or --file it is read.", show_default=False)] = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Add or change an entry. Its content is given, in a file, or read from standard input."""
    if value is not None and file is not None:
        raise Failure("Give either the content or --file.")
    _set(ctx, (project, group, entry), _content(file, hidden=False) if value is None else value.encode(), as_json)


@secrets.command("set", context_settings={"allow_extra_args": True})
def set_secret(ctx: typer.Context, project: Project, group: Name, entry: Entry, file: File = None, as_json: AsJson = False) -> None:
    """Add or change an entry. Its content is in a file, read from standard input, or typed unseen."""
    if ctx.args:
        raise Failure("A secret in a command stays in the shell's history. Pipe it in, give --file, or type it when asked.")
    _set(ctx, (project, group, entry), _content(file, hidden=True), as_json)


@app.command("unset")
def delete_entry(
    ctx: typer.Context, project: Project, group: Name, entry: Entry, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Delete an entry; refused while an app uses it."""
    confirm(f"Delete {entry} of the {_word(ctx)} {group}?", yes)

    async def work(api: Api, here: Terminal) -> int:
        found = await api.delete(path(f"/v2/{_plural(ctx)}", project, group, entry))
        return await _told(ctx, api, here, found, f"{entry} is deleted.")

    run(as_json, work)


@app.command("delete")
def delete_group(
    ctx: typer.Context,
    project: Project,
    group: Name,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a group with all its entries; refused while an app uses one."""
    confirm(f"Delete the {_word(ctx)} {group} with all its entries?", yes)

    async def work(api: Api, here: Terminal) -> int:
        found = await api.delete(path(f"/v2/{_plural(ctx)}", project, group))
        return await _told(ctx, api, here, found, f"{_word(ctx)} {group} is deleted.")

    run(as_json, work)


@app.command("rollback")
def rollback_group(
    ctx: typer.Context,
    project: Project,
    group: Name,
    version: Annotated[
        int | None, typer.Option(min=1, help="To this version; by default the one before the newest.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a group the entries of an earlier version, as a new version."""

    async def work(api: Api, here: Terminal) -> int:
        place = (f"/v2/{_plural(ctx)}", project, group)
        found = await api.post(path(*place, "rollback"), {"version": version or await _version_before(api, place)})
        return await _told(ctx, api, here, found, f"{found['changes']} (version {found['version']}).")

    run(as_json, work)


@app.command("apps")
def list_apps(ctx: typer.Context, project: Project, group: Name, entry: Entry, as_json: AsJson = False) -> None:
    """List the apps that use an entry, and how."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path(f"/v2/{_plural(ctx)}", project, group, entry, "apps"))
        here.show(found, report.users(entry, found["content"]))
        return 0

    run(as_json, work)


@app.command("reads")
def list_reads(ctx: typer.Context, project: Project, group: Name, as_json: AsJson = False) -> None:
    """List who was shown which entries of a secret."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path(f"/v2/{_plural(ctx)}", project, group, "reads"), size=50)
        here.show(found, report.reads(group, found["reads"]))
        return 0

    run(as_json, work)


async def _version_before(api: Api, place: tuple[str, ...]) -> int:
    """The version before the newest; raises Failure where there is none."""
    known = (await api.get(path(*place, "versions"), size=2))["versions"]
    if len(known) < 2:
        raise Failure(f"{place[-1]} has one version only: there is none to go back to.")
    return int(known[1]["version"])


def _word(ctx: typer.Context) -> str:
    """Under which of the two names the command was called."""
    assert ctx.parent is not None
    return str(ctx.parent.info_name)


def _plural(ctx: typer.Context) -> str:
    return PLURALS[_word(ctx)]


async def _told(ctx: typer.Context, api: Api, here: Terminal, found: dict[str, Any], words: str) -> int:
    """Say what was done, and follow its operation where that goes on."""
    here.show(found, report.changed(words, found))
    operation = await api.operation(found["OperationID"])
    return 0 if operation["status"] == "SUCCEEDED" or here.as_json else await watch(api, here, found["OperationID"])


def _named(given: str) -> list[tuple[str, Path]]:
    """Entries and their files of FILE, ENTRY=FILE or a directory; raises Failure for a directory that cannot be read."""
    name, named, rest = given.partition("=")
    file = Path(rest if named else given)
    if named or not file.is_dir():
        return [(name if named else file.name, file)]
    try:
        return [(one.name, one) for one in sorted(file.iterdir()) if one.is_file()]
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.") from error


def _check_file(word: str, project: str, group: str, file: Path) -> None:
    """Raise Failure for ENTRY=VALUE in place of a file, with the command that means it; a secret's value is not repeated."""
    entry, named, value = str(file).partition("=")
    if not named or file.exists():
        return
    create = f"mooring {word} create {project} {group}"
    if word == "secret":
        told, content = f"{entry}=…", " (which asks for its content, or reads it from a pipe)"
    else:
        told, content = str(file), f" {shlex.quote(value)}"
    raise Failure(
        f"{told} is no file. Create the group without it: {create}; then set the entry: "
        f"mooring {word} set {project} {group} {shlex.quote(entry)}{content}"
    )


def _with(data: Collection[str]) -> str:
    return {0: "without entries", 1: f"with the entry {next(iter(data), '')}"}.get(len(data), f"with {len(data)} entries")


def _encoded(content: bytes) -> dict[str, str]:
    return {"data": base64.b64encode(content).decode(), "encoding": "base64"}


def _set(ctx: typer.Context, place: tuple[str, str, str], content: bytes, as_json: bool) -> None:
    async def work(api: Api, here: Terminal) -> int:
        found = await api.post(path(f"/v2/{_plural(ctx)}", *place), _encoded(content))
        return await _told(ctx, api, here, found, f"{found['changes']} (version {found['version']}).")

    run(as_json, work)


def _content(file: Path | None, *, hidden: bool) -> bytes:
    """The content of the file, else of standard input, at a terminal asked for."""
    if file is not None:
        return _read(file)
    if sys.stdin.isatty():
        return str(typer.prompt("Content", hide_input=hidden)).encode()
    return sys.stdin.buffer.read()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.") from error
