"""`mooring image`: what the registry has that one may use."""

from typing import Annotated

import typer

from cli import build_report, session
from cli.api import Api, Record
from cli.terminal import AsJson, Terminal, run

app = typer.Typer(no_args_is_help=True, help="Images: the base images, a project's, and your own.")
_PAGE = 20
_PUBLIC = "public"  # no project, but what the base images are called


@app.callback()
def images() -> None:
    """Images: the base images, a project's, and your own."""


@app.command("ls")
def list_images(
    project: Annotated[
        str | None,
        typer.Argument(
            help="With this project's images, by default of the one in use; public: the base images.", show_default=False
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many repositories.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List images with tags, digests and sizes: those that all may use (public/…), the project's, and your own (~you/…)."""

    async def work(api: Api, here: Terminal) -> int:
        within = None if project == _PUBLIC else project or session.project_in_use()
        found: list[Record] = []
        while True:
            page = await api.get("/v2/images", project=within, size=_PAGE, page=len(found) // _PAGE)
            found += page["images"]
            if len(page["images"]) < _PAGE or len(found) >= limit:
                break
        if project == _PUBLIC:
            found = [image for image in found if image["name"].startswith(f"{_PUBLIC}/")]
            page["total"] = len(found)
        data = {**page, "page": 0, "size": limit, "images": found[:limit]}
        here.show(data, build_report.images(data))
        return 0

    run(as_json, work)
