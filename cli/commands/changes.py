"""Changes of a running app and of one instance of a TApp: `mooring app scale|restart|kill|start`, `mooring instance …`."""

from typing import Annotated, Any

import typer
from rich.text import Text

from cli.api import Api, path
from cli.commands.operations import Watch, watch
from cli.terminal import AsJson, Terminal, run

Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
Name = Annotated[str, typer.Argument(help="The app's name.", show_default=False)]
Instance = Annotated[str, typer.Argument(help="The instance's name: <app>-<index>.", show_default=False)]
instance = typer.Typer(no_args_is_help=True, help="One instance of a TApp: stop it, start it, give it another image.")


def scale(
    project: Project,
    name: Name,
    count: Annotated[int | None, typer.Argument(help="How many instances there shall be.", show_default=False)] = None,
    image: Annotated[str | None, typer.Option(help="The image of new instances.", show_default=False)] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Take this instance away; may be repeated.", show_default=False)] = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Set the number of instances, or take named ones away with --remove."""
    query: dict[str, Any] = {"type": "manual"} | ({} if count is None else {"scale": count})
    body: dict[str, Any] = ({"image": image} if image else {}) | ({"instances": remove} if remove else {})
    _run(as_json, follow, path("/v2/applications", project, name, "scale"), body, **query)


def restart(project: Project, name: Name, follow: Watch = False, as_json: AsJson = False) -> None:
    """Start every running instance anew, a few at a time."""
    _run(as_json, follow, path("/v2/applications", project, name, "restart"))


def kill(project: Project, name: Name, follow: Watch = False, as_json: AsJson = False) -> None:
    """Stop an app: its instances end, its spec is kept for a start."""
    _run(as_json, follow, path("/v2/applications", project, name, "kill"))


def start(project: Project, name: Name, follow: Watch = False, as_json: AsJson = False) -> None:
    """Start a stopped app again."""
    _run(as_json, follow, path("/v2/applications", project, name, "start"))


@instance.command("kill")
def kill_instance(project: Project, name: Instance, follow: Watch = False, as_json: AsJson = False) -> None:
    """Stop one instance; its index and version are kept."""
    _run(as_json, follow, _of(project, name, "kill"))


@instance.command("start")
def start_instance(project: Project, name: Instance, follow: Watch = False, as_json: AsJson = False) -> None:
    """Start a killed instance again, at the version it had."""
    _run(as_json, follow, _of(project, name, "start"))


@instance.command("update")
def update_instance(
    project: Project,
    name: Instance,
    image: Annotated[str, typer.Argument(help="Its new image.", show_default=False)],
    container: Annotated[str | None, typer.Option(help="Which container, where there are several.", show_default=False)] = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Bring one instance to another image, in place where only that differs; the others keep theirs."""
    body = {"image": image} | ({"container": container} if container else {})
    _run(as_json, follow, _of(project, name, "update"), body)


def _of(project: str, name: str, verb: str) -> str:
    index = name.rpartition("-")[2]
    return path("/v2/instances", project, name, index, verb)


def _run(as_json: bool, follow: bool, place: str, body: dict[str, Any] | None = None, **query: Any) -> None:
    async def work(api: Api, here: Terminal) -> int:
        answer = await api.post(place, body or None, **query)
        if follow:
            return await watch(api, here, answer["OperationID"])
        shown = Text.assemble("It is accepted. Follow it: ", (f"mooring op watch {answer['OperationID']}", "bold"))
        here.show(answer, shown)
        return 0

    run(as_json, work)
