"""`mooring app create`: deploy an app from options, or from a file with the API's body."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import bodies
from cli.api import Api, path
from cli.commands.operations import followed
from cli.failures import Failure
from cli.terminal import AsJson, Terminal, Watch, run


class AppType(StrEnum):
    """What kind of app it is."""

    DEPLOYMENT = "Deployment"
    TAPP = "TApp"
    JOB = "Job"


File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="A file with the API's body as YAML or JSON; - reads it. Options win over it."),
]
Command = Annotated[str | None, typer.Option("--cmd", help="The command instead of the image's own.", show_default=False)]
Variables = Annotated[
    list[str] | None, typer.Option("--env", "-e", help="A variable as NAME=VALUE; may be repeated.", show_default=False)
]


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
    port: Annotated[
        list[str] | None, typer.Option(help="A port it listens on, such as 8080 or 53/udp; may be repeated.", show_default=False)
    ] = None,
    outside: Annotated[bool, typer.Option("--outside", help="Reachable from outside the cluster (networkType 2).")] = False,
    cpu: Annotated[str | None, typer.Option(help="Cores, such as 0.5 or 500m.", show_default=False)] = None,
    memory: Annotated[str | None, typer.Option(help="Memory, such as 256Mi.", show_default=False)] = None,
    file: File = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Deploy an app. What there is no option for stands in a file."""

    async def work(api: Api, here: Terminal) -> int:
        body = bodies.body_of(file)
        amounts = bodies.given(cpu=cpu, mem=memory)
        own: dict[str, Any] = bodies.given(
            name=name,
            imageRef=image,
            type=type.value if type else None,
            instanceNum=instances,
            cmd=command,
            dockerEnv=bodies.variables(env) if env else None,
            portMappings=bodies.ports(port) if port else None,
            networkType=2 if outside else None,
            resources={**body.get("resources", {}), **amounts} if amounts else None,
        )
        body |= own
        if not {"name", "imageRef"} <= body.keys():
            raise Failure(f"An app needs a name and an image: mooring app create {project} NAME --image IMAGE, or --file.")
        made = await api.post(path("/v2/applications", project), body)
        return await followed(api, here, made, follow, f"{project}/{body['name']} is being deployed.")

    run(as_json, work)
