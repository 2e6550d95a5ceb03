"""Templates: created, listed, searched, edited in versions, checked, drawn, deployed, deleted (manual, 应用编排; mission D)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api import deployments
from api.access import Caller, allow
from api.aside import aside
from api.deployments import Source
from api.documents import read_document
from api.documents_shown import differences, reads, text
from api.parameters import Page, Size, WithContent
from api.placed import check_cluster
from api.replies import counted
from api.services import Services, Using
from api.submission import reply
from model.base import Number
from model.blueprints import Blueprint
from model.errors import Conflict, Invalid
from model.names import check_name
from model.relations import graph, images
from model.stack_documents import ANY_DEPLOYMENT, Kind, check_deployment, read_blueprint
from model.templates import CheckedDocument, Deployment, NewTemplate, Template, TemplateChange, TemplateVersion

router = APIRouter(prefix="/v2/templates", tags=["templates"])
Reader = Annotated[Caller, allow("template:read")]
Writer = Annotated[Caller, allow("template:write")]
Deployer = Annotated[Caller, allow("stack:write")]
Search = Annotated[str | None, Query(max_length=200, description="A part of the name, the description or an image.")]


@router.get("")
async def list_all_templates(
    services: Using,
    caller: Annotated[Caller, allow(None)],
    search: Search = None,
    kind: Kind | None = None,
    author: str | None = None,
    size: Size = 10,
    page: Page = 0,
) -> dict[str, Any]:
    """List the templates of all projects the caller is in; a platform admin sees all."""
    ids = None if caller.actor.admin else list(caller.actor.project_ids.values())
    return await _listed(services, ids, size, page, search, kind, author)


@router.post("/{project}", status_code=201)
async def create_template(services: Using, caller: Writer, project: str, body: NewTemplate) -> dict[str, Any]:
    """Keep a document as a template; 422 lists every problem of it with line and column."""
    check_name(body.name, "name")
    blueprint = await _document(services, caller, project, body.kind, body.content, strict=False)
    async with services.records.transaction() as tx:
        found = await tx.projects.hold(project)
        return _reply(await tx.templates.add(found, body, images(blueprint), caller.actor.name, secret=blueprint.has_secrets))


@router.get("/{project}")
async def list_templates(
    services: Using,
    caller: Reader,
    project: str,
    search: Search = None,
    kind: Kind | None = None,
    author: str | None = None,
    size: Size = 10,
    page: Page = 0,
) -> dict[str, Any]:
    """List the project's templates by name, each with the images of its newest version."""
    found = await services.records.projects.get(project)
    return await _listed(services, [found.id], size, page, search, kind, author)


@router.post("/{project}/validate")
async def validate_document(services: Using, caller: Reader, project: str, body: CheckedDocument) -> dict[str, Any]:
    """Check a document as it is typed: always 200, `Code` 0 or not, `problems` with line and column, else its graph."""
    try:
        deployment = check_deployment(body.deployment_name, "deploymentName") if body.deployment_name else ANY_DEPLOYMENT
        blueprint = await _document(services, caller, project, body.kind, body.content, deployment)
    except Invalid as error:
        return {"problems": [], **error.as_reply()}
    drawn = await aside(graph, blueprint)
    return {"Code": 0, "Message": "", "problems": [], "images": images(blueprint), "graph": drawn}


@router.get("/{project}/{name}")
async def get_template(
    services: Using,
    caller: Reader,
    project: str,
    name: str,
    version: Number | None = None,
    content: WithContent = True,
) -> dict[str, Any]:
    """Read one template with its document as it was written, the newest or that of a version.

    A document with secrets in it needs the permission secret:read, and showing it is recorded; `content=false` leaves it out.
    """
    template, found = await _template(services, project, name, version)
    shown = {"content": await text(services, caller, template.id, found)} if content else {}
    return {**_reply(template), **shown, "images": found.images, "contentVersion": found.number, "secret": found.secret}


@router.put("/{project}/{name}")
async def change_template(services: Using, caller: Writer, project: str, name: str, body: TemplateChange) -> dict[str, Any]:
    """Keep an edit as the template's next version; what is deployed stays as it is. 409 when somebody else edited meanwhile."""
    known, _ = await _template(services, project, name, None)  # a template keeps its kind
    content = body.content
    blueprint = await _document(services, caller, project, known.kind, content, strict=False) if content is not None else None
    named, secret = (images(blueprint), blueprint.has_secrets) if blueprint else ([], False)
    async with services.records.transaction() as tx:
        found = await tx.projects.hold(project)
        if (await tx.templates.get(found.id, name)).id != known.id:
            raise Conflict(f"The template {name!r} was deleted and made anew meanwhile.", hint="Read it again.")
        return _reply(await tx.templates.change(found.id, name, body, named, caller.actor.name, secret=secret))


@router.delete("/{project}/{name}")
async def delete_template(services: Using, caller: Writer, project: str, name: str) -> dict[str, Any]:
    """Delete a template; its deployments stay, and can still be upgraded to its versions and rolled back."""
    async with services.records.transaction() as tx:
        found = await tx.projects.hold(project)
        await tx.templates.delete((await tx.templates.get(found.id, name)).id)
    return {"Code": 0, "Message": ""}


@router.get("/{project}/{name}/versions")
async def list_template_versions(
    services: Using, caller: Reader, project: str, name: str, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List a template's versions, newest first: who, when, why, and the difference to the one before.

    A difference with secrets in it is shown to who has the permission secret:read, and that is recorded.
    """
    template, _ = await _template(services, project, name, None)
    found = await services.records.templates.versions(template.id, size + 1, page * size)
    diffs = await differences(services, caller, template.id, found)
    lines = [{**_version(version), **shown} for version, shown in zip(found, diffs, strict=True)][:size]
    return {"total": template.version, "page": page, "size": size, "versions": lines}


@router.get("/{project}/{name}/reads")
async def list_template_reads(
    services: Using, caller: Reader, project: str, name: str, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List who was shown which version of a template with secrets in it, newest first; needs the permission secret:read."""
    template, _ = await _template(services, project, name, None)
    return await reads(services, caller, template.id, size, page)


@router.get("/{project}/{name}/graph")
async def draw_template(services: Using, caller: Reader, project: str, name: str, version: Number | None = None) -> dict[str, Any]:
    """The relation graph of what a template describes: nodes and edges, made for drawing."""
    template, found = await _template(services, project, name, version)
    project_id = (await services.records.projects.get(project)).id
    references = await services.records.configs.references(project_id, template.kind, strict=False)
    blueprint = await aside(read_blueprint, template.kind, found.content, ANY_DEPLOYMENT, references=references, kept=True)
    return await aside(graph, blueprint)


@router.get("/{project}/{name}/operations")
async def list_template_operations(
    services: Using, caller: Reader, project: str, name: str, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List what was done to a template's deployments, newest first; each is an operation of that id."""
    template, _ = await _template(services, project, name, None)
    total, rows = await services.records.templates.operations(template.id, size, page * size)
    names = {"operationId": "id", "kind": "kind", "status": "status", "actor": "actor", "deploymentName": "target_name"}
    lines = [
        {**{new: row[old] for new, old in names.items()}, "createdAt": row["created_at"], "finishedAt": row["finished_at"]}
        for row in rows
    ]
    return {**counted(total), "page": page, "size": size, "operations": lines}


@router.post("/{project}/{name}/deploy", status_code=202)
async def deploy_template(
    services: Using, caller: Deployer, project: str, name: str, body: Deployment, response: Response
) -> dict[str, Any]:
    """Deploy a template: its apps are called deployment name + "-" + name in the document, that of a pod as the deployment."""
    deployment = check_deployment(body.deployment_name, "deploymentName")
    check_cluster(body.cluster)
    template, version = await _template(services, project, name, body.version)
    source = Source(kind=template.kind, content=version.content, template=(template.id, version.number))
    told = {**body.model_dump(by_alias=True, exclude_unset=True), "template": name, "templateVersion": version.number}
    accepted = await deployments.deploy(services, caller, project, deployment, source, told, body.deadline_seconds)
    return reply(response, accepted, stackInstanceName=deployment)


async def _template(services: Services, project: str, name: str, version: int | None) -> tuple[Template, TemplateVersion]:
    found = await services.records.projects.get(project)
    template = await services.records.templates.get(found.id, name)
    return template, await services.records.templates.version(template.id, version or template.version)


async def _document(
    services: Services,
    caller: Caller,
    project: str,
    kind: Kind,
    content: str,
    deployment: str = ANY_DEPLOYMENT,
    *,
    strict: bool = True,
) -> Blueprint:
    """What a document describes; not `strict`, the groups of the project that it refers to may come later."""
    found = await services.records.projects.get(project)
    references = await services.records.configs.references(found.id, kind, strict=strict)
    return await read_document(services, caller, kind, content, deployment, references)


async def _listed(
    services: Services, ids: list[str] | None, size: int, page: int, search: str | None, kind: Kind | None, author: str | None
) -> dict[str, Any]:
    total, found = await services.records.templates.page(ids, size, page * size, search=search, kind=kind, author=author)
    lines = [template.model_dump(by_alias=True, mode="json") for template in found]
    return {"total": total, "page": page, "size": size, "templates": lines}


def _reply(template: Template) -> dict[str, Any]:
    return {"Code": 0, "Message": "", **template.model_dump(by_alias=True, mode="json")}


def _version(version: TemplateVersion) -> dict[str, Any]:
    return version.model_dump(by_alias=True, mode="json", exclude={"content"})
