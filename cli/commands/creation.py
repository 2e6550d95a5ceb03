"""`mooring app create`: deploy an app from options, or from a file with the API's body."""

from enum import StrEnum
from typing import Annotated

import typer

from cli import app_options, bodies
from cli.api import Api, path
from cli.app_options import Command, Configs, Cpu, File, Memory, NoRoom, Outside, Ports, Secrets, Variables
from cli.commands.operations import followed
from cli.failures import Failure
from cli.terminal import AsJson, Terminal, Watch, run


class AppType(StrEnum):
    """What kind of app it is."""

    DEPLOYMENT = "Deployment"
    TAPP = "TApp"
    JOB = "Job"


def create(
    project: Annotated[str, typer.Argument(help="The project's name.", show_default=False)],
    name: Annotated[str | None, typer.Argument(help="The app's name; may stand in the file instead.", show_default=False)] = None,
    image: Annotated[str | None, typer.Option(help="The image to run, such as public/busybox:latest.", show_default=False)] = None,
    type: Annotated[
        AppType | None,
        typer.Option(help="TApp: instances with names and versions of their own; Job: it runs to its end.", show_default=False),
    ] = None,
    instances: Annotated[int | None, typer.Option(min=0, help="How many; by default 1.", show_default=False)] = None,
    command: Command = None,
    env: Variables = None,
    port: Ports = None,
    outside: Outside = None,
    cpu: Cpu = None,
    memory: Memory = None,
    config: Configs = None,
    secret: Secrets = None,
    on_unschedulable: NoRoom = None,
    file: File = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Deploy an app. What there is no option for stands in a file."""

    async def work(api: Api, here: Terminal) -> int:
        body = bodies.body_of(file)
        body |= bodies.given(
            name=name,
            imageRef=image,
            type=type.value if type else None,
            instanceNum=instances,
            dockerEnv=bodies.variables(env) if env else None,
            onUnschedulable=on_unschedulable.value if on_unschedulable else None,
        )
        body |= app_options.plain(command, port, outside)
        body |= app_options.amounts(body.get("resources", {}), cpu, memory)
        body |= await app_options.groups(api, project, body, config, secret)
        if not {"name", "imageRef"} <= body.keys():
            raise Failure(f"An app needs a name and an image: mooring app create {project} NAME --image IMAGE, or --file.")
        made = await api.post(path("/v2/applications", project), body)
        return await followed(api, here, made, follow, f"{project}/{body['name']} is being deployed.")

    run(as_json, work)
