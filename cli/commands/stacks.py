"""`mooring stack`: deployments of several apps; upgraded as a whole, with the plan first, and gone back with."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import bodies, stack_report
from cli.api import Api, path
from cli.commands.operations import followed
from cli.commands.templates import Limit
from cli.terminal import AsJson, Terminal, Watch, Yes, confirm, run

app = typer.Typer(no_args_is_help=True, help="Stacks: several apps that were deployed together.")
Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
Name = Annotated[str, typer.Argument(help="The deployment's name.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan, and do nothing.")]
BackOnFailure = Annotated[bool, typer.Option("--rollback-on-failure", help="Bring the whole stack back where it fails.")]


@app.command("ls")
def list_stacks(
    project: Project,
    template: Annotated[str | None, typer.Option(help="Only deployments of this template.")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List a project's deployments."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/stacks", project), template=template, size=limit)
        here.show(found, stack_report.stacks(project, found["stacks"], found["total"]))
        return 0

    run(as_json, work)


@app.command("show")
def show_stack(project: Project, name: Name, as_json: AsJson = False) -> None:
    """Show a deployment with its apps."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/stacks", project, name), content="false")
        here.show(found, stack_report.stack(found))
        return 0

    run(as_json, work)


@app.command("versions")
def list_versions(project: Project, name: Name, limit: Limit = 10, as_json: AsJson = False) -> None:
    """List what was deployed, newest first, with what changed and how it ended."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/stacks", project, name, "versions"), size=limit)
        here.show(found, stack_report.versions(found))
        return 0

    run(as_json, work)


@app.command("upgrade")
def upgrade_stack(
    project: Project,
    name: Name,
    file: Annotated[Path | None, typer.Option(help="The new document, of a stack that is of no template; - reads it.")] = None,
    version: Annotated[int | None, typer.Option(help="That version of its template instead of the newest.")] = None,
    dry_run: DryRun = False,
    back: BackOnFailure = False,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Bring a deployment to the newest version of its template; only what differs is touched."""
    body: dict[str, Any] = {"content": bodies.text_of(file)} if file else {}
    body |= {"templateVersion": version} if version else {}
    body |= {"onFailure": "rollback"} if back else {}
    run(as_json, lambda api, here: _move(api, here, (project, name, "upgrade"), body, dry_run, follow))


@app.command("rollback")
def rollback_stack(
    project: Project,
    name: Name,
    version: Annotated[int | None, typer.Option(help="To this version instead of the one deployed before.")] = None,
    dry_run: DryRun = False,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Bring a deployment back to an earlier version exactly, images and all."""
    body = {"version": version} if version else {}
    run(as_json, lambda api, here: _move(api, here, (project, name, "rollback"), body, dry_run, follow))


@app.command("delete")
def delete_stack(
    project: Project,
    name: Name,
    yes: Yes = False,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Delete a deployment: its apps in reverse order, then itself."""
    confirm(f"Delete the deployment {name} with all its apps?", yes)

    async def work(api: Api, here: Terminal) -> int:
        answer = await api.delete(path("/v2/stacks", project, name))
        return await followed(api, here, answer, follow, f"{name} is being deleted.")

    run(as_json, work)


async def _move(api: Api, here: Terminal, place: tuple[str, ...], body: dict[str, Any], dry_run: bool, follow: bool) -> int:
    if dry_run:
        found = await api.post(path("/v2/stacks", *place), body, dryRun="true")
        here.show(found, stack_report.plan(found))
        return 0
    return await followed(api, here, await api.post(path("/v2/stacks", *place), body), follow)
