"""Changes of a running app and of one instance of a TApp: `mooring app rollout|rollback|scale|…`, `mooring instance …`."""

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from cli import app_options, bodies, commands_told
from cli.api import Api, Record, path
from cli.app_options import Command, Configs, Cpu, File, Memory, NoRoom, Outside, Ports, Secrets, Variables
from cli.commands.operations import followed
from cli.failures import Failure
from cli.terminal import AsJson, Terminal, Watch, run

Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
Name = Annotated[str, typer.Argument(help="The app's name.", show_default=False)]
Instance = Annotated[str, typer.Argument(help="The instance's name: <app>-<index>.", show_default=False)]


class OnFailure(StrEnum):
    """What a failure does."""

    KEEP = "keep"
    PAUSE = "pause"
    ROLLBACK = "rollback"


class PauseAfter(StrEnum):
    """After which batches it pauses."""

    NEVER = "never"
    FIRST = "first"
    EACH = "each"


def rollout(
    project: Project,
    name: Name,
    image: Annotated[str | None, typer.Option(help="The image to roll out.", callback=bodies.filled, show_default=False)] = None,
    container: Annotated[
        str | None, typer.Option(help="Which container, where there are several.", callback=bodies.filled, show_default=False)
    ] = None,
    command: Command = None,
    env: Variables = None,
    port: Ports = None,
    outside: Outside = None,
    cpu: Cpu = None,
    memory: Memory = None,
    config: Configs = None,
    secret: Secrets = None,
    file: File = None,
    batches: Annotated[
        str | None,
        typer.Option(
            help="Gray: how many instances are new after each batch, such as 10%,50%,100% or 1,5; of a TApp also names, "
            "such as db-0,db-1+db-2.",
            callback=bodies.filled,
            show_default=False,
        ),
    ] = None,
    pause: Annotated[PauseAfter, typer.Option(help="Pause after which batches.")] = PauseAfter.NEVER,
    ready_seconds: Annotated[int, typer.Option(min=0, help="Seconds new instances have to stay ready after a batch.")] = 0,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            help='A gate as JSON, such as \'{"http": {"path": "/health", "port": 8080}}\'; may be repeated.', show_default=False
        ),
    ] = None,
    on_failure: Annotated[OnFailure, typer.Option(help="What a failed batch does.")] = OnFailure.KEEP,
    max_surge: Annotated[
        str | None,
        typer.Option(
            help="How many instances there may be beside those asked for, such as 1 or 25%; 0 takes an old one away first.",
            callback=bodies.filled,
            show_default=False,
        ),
    ] = None,
    on_unschedulable: NoRoom = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the app's revisions.", show_default=False)] = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Roll an app out with another image, command, variables or more, at once or in batches with gates and pauses.

    What is not named stays as it is, of amounts, variables, configs and secrets too: an option sets one and keeps the others.
    """
    own = app_options.plain(command, port, outside) | bodies.given(
        image=image,
        container=container,
        batches=bodies.batches(batches) if batches else None,
        pause=pause.value if pause is not PauseAfter.NEVER else None,
        readySeconds=ready_seconds or None,
        gates=[_gate(one) for one in gate] if gate else None,
        onFailure=on_failure.value if on_failure is not OnFailure.KEEP else None,
        maxSurge=int(max_surge) if max_surge and max_surge.isdecimal() else max_surge,
        onUnschedulable=on_unschedulable.value if on_unschedulable else None,
        reason=reason,
    )

    async def work(api: Api, here: Terminal) -> int:
        place = ("/v2/applications", project, name)
        body = bodies.body_of(file) | own
        if env or cpu or memory or config or secret:
            known = await _known(api, place, container) | body
            body |= {"dockerEnv": bodies.more_variables(known["dockerEnv"], env)} if env else {}
            body |= app_options.amounts(known["resources"], cpu, memory)
            body |= await app_options.groups(api, project, known, config, secret)
        answer = await api.post(path(*place, "rollout"), body)
        if answer.get("unchanged"):
            here.show(answer, Text(commands_told.told(answer["Message"])))
            return 0
        return await followed(api, here, answer, follow, _moves(answer) + _images(answer))

    run(as_json, work)


def rollback(
    project: Project,
    name: Name,
    revision: Annotated[
        int | None,
        typer.Option(help="The revision to go back to; by default the newest before that worked.", show_default=False),
    ] = None,
    operation: Annotated[
        str | None,
        typer.Option(help="Go back to the exact versions before this operation.", callback=bodies.filled, show_default=False),
    ] = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier revision, or to exactly which instances had which version before an operation."""
    body = ({"revision": revision} if revision else {}) | ({"operation": operation} if operation else {})
    _run(as_json, follow, path("/v2/applications", project, name, "rollback"), body, told=_moves)


def scale(
    project: Project,
    name: Name,
    count: Annotated[int | None, typer.Argument(help="How many instances there shall be.", show_default=False)] = None,
    image: Annotated[
        str | None, typer.Option(help="The image of new instances.", callback=bodies.filled, show_default=False)
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(help="Take this instance away; may be repeated.", callback=bodies.filled, show_default=False),
    ] = None,
    deadline: Annotated[int | None, typer.Option(min=5, help="Seconds it may take.", show_default=False)] = None,
    on_unschedulable: NoRoom = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Set the number of instances, or take named ones away with --remove."""
    query: dict[str, Any] = {"type": "manual"} | ({} if count is None else {"scale": count})
    body: dict[str, Any] = ({"image": image} if image else {}) | ({"instances": remove} if remove else {})
    body |= {"deadlineSeconds": deadline} if deadline else {}
    body |= {"onUnschedulable": on_unschedulable.value} if on_unschedulable else {}
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


def kill_instance(project: Project, name: Instance, follow: Watch = False, as_json: AsJson = False) -> None:
    """Stop one instance; its index and version are kept."""
    _run(as_json, follow, _of(project, name, "kill"))


def start_instance(project: Project, name: Instance, follow: Watch = False, as_json: AsJson = False) -> None:
    """Start a killed instance again, at the version it had."""
    _run(as_json, follow, _of(project, name, "start"))


def update_instance(
    project: Project,
    name: Instance,
    image: Annotated[str, typer.Argument(help="Its new image.", show_default=False)],
    container: Annotated[
        str | None, typer.Option(help="Which container, where there are several.", callback=bodies.filled, show_default=False)
    ] = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Bring one instance to another image, in place where only that differs; the others keep theirs."""
    body = {"image": image} | ({"container": container} if container else {})
    _run(as_json, follow, _of(project, name, "update"), body)


async def _known(api: Api, place: tuple[str, ...], container: str | None) -> Record:
    """What the app has now, as a body's fields; raises Failure for a container whose fields its reply does not tell."""
    found = await api.get(path(*place))
    if container not in (None, found["containers"][0]):
        raise Failure(
            f"Options cannot add to what {container} has: give all of dockerEnv, resources, configMap or secret in a --file."
        )
    fields = {"dockerEnv": "Environments", "resources": "ResInfo", "configMap": "configMap", "secret": "secret"}
    return {field: found[shown] for field, shown in fields.items()}


def _moves(answer: Record) -> str:
    """From which revision it goes to which."""
    name = answer["WorkflowID"].split("/")[2]
    if answer["toRevision"] == answer["fromRevision"]:  # its batches had not put another one in force
        return f"{name} goes back to the versions that its instances had; revision {answer['toRevision']} stays in force."
    if answer["toRevision"] == answer["revision"] and answer["toRevision"] > answer["fromRevision"]:
        return f"{name} goes from revision {answer['fromRevision']} to revision {answer['revision']}."
    again = "" if answer["toRevision"] == answer["revision"] else f", as revision {answer['revision']}"
    return f"{name} goes back from revision {answer['fromRevision']} to revision {answer['toRevision']}{again}."


def _images(answer: Record) -> str:
    """Which images are looked up anew, and what they are until then."""
    anew = [one for one in answer["images"] if one["digest"] is None and one["before"] and one["before"]["digest"]]
    told = (f"{one['container']}: {one['before']['image']} {one['before']['digest'][:19]}… → {one['image']}" for one in anew)
    return "".join(f" Image of {one}, looked up now." for one in told)


def _gate(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not JSON: {error}", param_hint="--gate") from error


def _of(project: str, name: str, verb: str) -> str:
    index = name.rpartition("-")[2]
    return path("/v2/instances", project, name, index, verb)


def _run(
    as_json: bool,
    follow: bool,
    place: str,
    body: dict[str, Any] | None = None,
    *,
    told: Callable[[Record], str] = lambda _: "It is accepted.",
    **query: Any,
) -> None:
    async def work(api: Api, here: Terminal) -> int:
        answer = await api.post(place, body or None, **query)
        return await followed(api, here, answer, follow, told(answer))

    run(as_json, work)
