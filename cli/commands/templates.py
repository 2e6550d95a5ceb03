"""`mooring template`: keep, edit, check and deploy documents of several apps."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli import bodies, stack_report
from cli.api import Api, path
from cli.commands.operations import followed
from cli.terminal import AsJson, Terminal, Watch, Yes, confirm, run

app = typer.Typer(no_args_is_help=True, help="Templates: documents that describe several apps, in versions.")
Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
Name = Annotated[str, typer.Argument(help="The template's name.", show_default=False)]
File = Annotated[Path, typer.Argument(help="The document; - reads it.", show_default=False)]
Kind = Annotated[
    str | None,
    typer.Option(
        help="What it is written in: compose, pod or kubernetes; by default kubernetes where it has an apiVersion and a kind, "
        "else compose.",
        show_default=False,
    ),
]
Reason = Annotated[str, typer.Option(help="Why, for the list of versions.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="At most so many.")]


@app.command("ls")
def list_templates(
    project: Annotated[str | None, typer.Argument(help="Only of this project.", show_default=False)] = None,
    search: Annotated[str | None, typer.Option("--search", "-s", help="A part of the name, the description or an image.")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List templates, of one project or of all you are in."""

    async def work(api: Api, here: Terminal) -> int:
        place = path("/v2/templates", project) if project else "/v2/templates"
        found = await api.get(place, search=search, size=limit)
        here.show(found, stack_report.templates(found["templates"], found["total"]))
        return 0

    run(as_json, work)


@app.command("show")
def show_template(
    project: Project,
    name: Name,
    version: Annotated[int | None, typer.Option(help="That version instead of the newest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a template's document as it was written."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/templates", project, name), version=version)
        here.show(found, Text(found["content"].rstrip("\n"), no_wrap=True, overflow="ignore"))
        return 0

    run(as_json, work)


@app.command("create")
def create_template(
    project: Project,
    name: Name,
    file: File,
    kind: Kind = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Keep a document as a template."""
    content = bodies.text_of(file)
    body = {"name": name, "kind": kind or bodies.kind_of(content), "content": content, "description": description}

    async def work(api: Api, here: Terminal) -> int:
        made = await api.post(path("/v2/templates", project), body)
        here.show(
            made, Text(f"Kept as {name}, version {made['version']}. Deploy it: mooring template deploy {project} {name} NAME")
        )
        return 0

    run(as_json, work)


@app.command("edit")
def edit_template(project: Project, name: Name, file: File, reason: Reason = "", as_json: AsJson = False) -> None:
    """Keep a document as the template's next version; what is deployed stays as it is."""
    content = bodies.text_of(file)

    async def work(api: Api, here: Terminal) -> int:
        made = await api.put(path("/v2/templates", project, name), {"content": content, "reason": reason})
        here.show(
            made,
            Text(
                f"The template {name} is at version {made['version']}; deployments count their own. "
                f"What it changes in one: mooring stack upgrade {project} NAME --dry-run"
            ),
        )
        return 0

    run(as_json, work)


@app.command("validate")
def validate_document(project: Project, file: File, kind: Kind = None, as_json: AsJson = False) -> None:
    """Check a document without keeping it; the exit status is 1 where something is wrong."""
    content = bodies.text_of(file)

    async def work(api: Api, here: Terminal) -> int:
        found = await api.post(
            path("/v2/templates", project, "validate"), {"kind": kind or bodies.kind_of(content), "content": content}
        )
        here.show(found, stack_report.problems(found))
        return 0 if found["Code"] == 0 else 1

    run(as_json, work)


@app.command("versions")
def list_versions(project: Project, name: Name, limit: Limit = 10, as_json: AsJson = False) -> None:
    """List a template's versions, newest first, with what changed."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/templates", project, name, "versions"), size=limit)
        here.show(found, stack_report.versions(found))
        return 0

    run(as_json, work)


@app.command("deploy")
def deploy_template(
    project: Project,
    name: Name,
    deployment: Annotated[str, typer.Argument(help="What the deployment is called; its apps' names begin with it.")],
    version: Annotated[int | None, typer.Option(help="That version instead of the newest.")] = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Deploy a template under a name."""

    async def work(api: Api, here: Terminal) -> int:
        body = {"deploymentName": deployment, **({"version": version} if version else {})}
        answer = await api.post(path("/v2/templates", project, name, "deploy"), body)
        return await followed(api, here, answer, follow, f"{deployment} is being deployed.")

    run(as_json, work)


@app.command("delete")
def delete_template(project: Project, name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a template; its deployments stay."""
    confirm(f"Delete the template {name} of the project {project} with all its versions?", yes)

    async def work(api: Api, here: Terminal) -> int:
        here.show(await api.delete(path("/v2/templates", project, name)), Text(f"{name} is deleted; its deployments stay."))
        return 0

    run(as_json, work)
