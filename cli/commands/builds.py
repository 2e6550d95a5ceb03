"""`mooring build`: from a directory or a Git repository to an image."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from cli import bodies, build_report, building, session
from cli.api import Api, Record, path
from cli.commands.operations import ended
from cli.failures import Failure
from cli.terminal import AsJson, Terminal, Yes, confirm, run

_DIRECTORY = "dir"


class OrDirectory(TyperGroup):
    """The commands of builds; what is none of them is a directory to build, as in `mooring build .`"""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command before a directory that stands alone."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_DIRECTORY, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=OrDirectory,
    no_args_is_help=True,
    help="Builds: from a directory (mooring build .) or a Git repository, and a Dockerfile, to an image.",
)
Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
Name = Annotated[str, typer.Argument(help="The build project's name, which is its image's too.", show_default=False)]
Dockerfile = Annotated[
    str | None,
    typer.Option(help="The Dockerfile's path in it; by default Dockerfile.", callback=bodies.filled, show_default=False),
]
Tag = Annotated[
    str | None,
    typer.Option(help="The image's tag; by default twelve digits of its commit.", callback=bodies.filled, show_default=False),
]
Watch = Annotated[bool, typer.Option("--watch/--no-watch", "-w", help="Show its log until it has ended.")]


@app.command(_DIRECTORY)
def build_directory(
    directory: Annotated[Path, typer.Argument(help="The directory; . is this one.", show_default=False)],
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The project; by default the one in use.", show_default=False)
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The image's name; by default the directory's.", callback=bodies.filled, show_default=False)
    ] = None,
    dockerfile: Dockerfile = None,
    tag: Tag = None,
    follow: Watch = True,
    as_json: AsJson = False,
) -> None:
    """Build a directory as it lies there: what Git would keep of it is sent. `mooring build .` means this command."""

    async def work(api: Api, here: Terminal) -> int:
        within, called = project_meant(project), name or building.name_of(directory)
        await building.check(api, within, called, directory, dockerfile)
        build = await building.build_project(api, within, called, dockerfile)
        with building.packed(here, directory, build["dockerfilePath"], build["contextPath"]) as (found, archive):
            await building.send(api, within, found, archive)
        begun = await building.begin(api, within, called, {"source": found.digest} | bodies.given(tag=tag))
        return await _shown(api, here, within, called, begun, follow)

    run(as_json, work)


@app.command("create")
def create_build(
    project: Project,
    name: Name,
    repository: Annotated[
        str | None,
        typer.Option(help="The Git repository's http(s) address; without one it builds directories.", show_default=False),
    ] = None,
    branch: Annotated[str | None, typer.Option(help="The branch; by default main.", show_default=False)] = None,
    dockerfile: Dockerfile = None,
    context: Annotated[
        str | None, typer.Option(help="The directory in it that the build sees; by default all.", show_default=False)
    ] = None,
    tag: Annotated[
        str | None, typer.Option(help="The tag of every image; by default twelve digits of its commit.", show_default=False)
    ] = None,
    personal: Annotated[bool, typer.Option("--personal", help="The image is your own (~you/NAME), not the project's.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a build project: what is built, and which image it makes. Run it with `mooring build run`."""

    async def work(api: Api, here: Terminal) -> int:
        body = bodies.given(
            name=name,
            repository=repository,
            branch=branch,
            dockerfilePath=dockerfile,
            contextPath=context,
            tag=tag,
            scope="personal" if personal else None,
        )
        made = await api.post(path("/v2/builds", project), body)
        here.show(made, Text.assemble(f"It makes the image {made['image']}. ", *_build_it(project, made)))
        return 0

    run(as_json, work)


@app.command("edit")
def edit_build(
    project: Project,
    name: Name,
    repository: Annotated[
        str | None, typer.Option(help="The Git repository's http(s) address.", callback=bodies.filled, show_default=False)
    ] = None,
    branch: Annotated[str | None, typer.Option(help="The branch.", callback=bodies.filled, show_default=False)] = None,
    dockerfile: Annotated[
        str | None, typer.Option(help="The Dockerfile's path in it.", callback=bodies.filled, show_default=False)
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(help="The directory in it that the build sees; . is all.", callback=bodies.filled, show_default=False),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="The tag of every image.", callback=bodies.filled, show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Correct what a build project builds; what is not named stays. A build that runs goes on with what it began with."""

    async def work(api: Api, here: Terminal) -> int:
        fields = bodies.given(repository=repository, branch=branch, dockerfilePath=dockerfile, contextPath=context, tag=tag)
        if not fields:
            raise Failure("Say what to change: --repository URL, --branch BRANCH, --dockerfile PATH, --context DIR or --tag TAG")
        changed = await building.change(api, project, await api.get(path("/v2/builds", project, name)), fields)
        here.show(changed, Text.assemble("It is changed. ", *_build_it(project, changed)))
        return 0

    run(as_json, work)


@app.command("run")
def run_build(project: Project, name: Name, tag: Tag = None, follow: Watch = True, as_json: AsJson = False) -> None:
    """Build the newest commit of the repository's branch."""

    async def work(api: Api, here: Terminal) -> int:
        begun = await building.begin(api, project, name, bodies.given(tag=tag))
        return await _shown(api, here, project, name, begun, follow)

    run(as_json, work)


@app.command("retry")
def retry_build(project: Project, name: Name, follow: Watch = True, as_json: AsJson = False) -> None:
    """Run the newest build again: of a repository it takes the commit that is the newest now, of a directory the same source."""

    async def work(api: Api, here: Terminal) -> int:
        newest = await _newest(api, project, name)
        await api.post(path("/v2/operations", newest, "retry"))
        return await _shown(api, here, project, name, newest, follow)

    run(as_json, work)


@app.command("log")
def show_log(
    project: Project,
    name: Name,
    operation: Annotated[
        str | None, typer.Option(help="Which build, by its operation's id; by default the newest.", show_default=False)
    ] = None,
    stage: Annotated[str | None, typer.Option(help="Only of this stage: fetch, build or push.", show_default=False)] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the build has ended.")] = False,
) -> None:
    """Show a build's log."""

    async def work(api: Api, here: Terminal) -> int:
        which = operation or await _newest(api, project, name)
        place = path("/v2/builds", project, name, "records", which, "logs")
        async for text in api.text(place, stage=stage, follow="true" if follow else None):
            building.write(here, text)
        return 0

    run(False, work)


@app.command("ls")
def list_builds(
    project: Project,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List a project's build projects, each with its newest build."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/builds", project), size=limit)
        here.show(found, build_report.builds(project, found["builds"], found["total"]))
        return 0

    run(as_json, work)


@app.command("show")
def show_build(
    project: Project,
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many builds, newest first.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show a build project with its builds: which image each made, or why not."""

    async def work(api: Api, here: Terminal) -> int:
        place = ("/v2/builds", project, name)
        build = await api.get(path(*place))
        records = await api.get(path(*place, "records"), size=limit)
        here.show({**build, "records": records["records"]}, build_report.build(project, build, records))
        return 0

    run(as_json, work)


@app.command("rm")
def remove_build(project: Project, name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a build project; the images that it made stay."""
    confirm(f"Delete the build project {name} of the project {project}?", yes)

    async def work(api: Api, here: Terminal) -> int:
        answer = await api.delete(path("/v2/builds", project, name))
        here.show(answer, Text("It is deleted; its images stay."))
        return 0

    run(as_json, work)


def project_meant(given: str | None) -> str:
    """The project that was said, else the one in use; raises Failure where there is none."""
    found = given or session.project_in_use()
    if found is None:
        raise Failure("Name the project: --project NAME, or choose one that need not be named: mooring use PROJECT")
    return found


def _build_it(project: str, build: Record) -> tuple[str, tuple[str, str]]:
    """In words how the build project is built now."""
    name = build["name"]
    command = (
        f"mooring build run {project} {name}" if build["repository"] else f"mooring build DIR --project {project} --name {name}"
    )
    return "Build it: ", (command, "bold")


async def _newest(api: Api, project: str, name: str) -> str:
    build = await api.get(path("/v2/builds", project, name))
    if build["lastBuild"] is None:
        raise Failure(f"{name} has not been built yet. Build it: mooring build run {project} {name}")
    return str(build["lastBuild"]["operationId"])


async def _shown(api: Api, here: Terminal, project: str, name: str, operation_id: str, follow: bool) -> int:
    """Show the build's log and how it ended, or say how to; the exit status."""
    if not follow:
        accepted: Record = {"OperationID": operation_id, "project": project, "name": name}
        see = Text.assemble("It is being built. See its log: ", (f"mooring build log {project} {name} --follow", "bold"))
        here.show(accepted, see)
        return 0
    record = await building.follow(api, here, project, name, operation_id)
    await ended(api, here, record, seen="build")
    return 0 if record["status"] == "SUCCEEDED" else 1
