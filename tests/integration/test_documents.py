"""Documents with secrets in them, and hosts of Ingresses, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from cryptography.fernet import Fernet
from temporalio.testing import ActivityEnvironment

from activities.stack_plans import StackPlans
from api import deployments
from model.access import Actor
from model.blueprints import Blueprint, Configuration, Entrance, Route, Tls
from model.config_references import References
from model.configs import ConfigKind, Group
from model.errors import Conflict, PlatformUnavailable
from model.images import Registries
from model.projects import Project, ProjectStatus
from model.stack_documents import Kind
from model.stacks import DeployStack, Stack, StackAt, StackRollbackBody
from model.templates import NewTemplate, TemplateChange
from records import Records, connect
from records.ids import new_id
from records.sealing import Seal
from tests.instance import Instance
from tests.platform import unique
from tests.unit.test_config_documents import FRONT, POD, SITE

CANARY = "c4n4ry of the document"
KEY = Fernet.generate_key().decode()


@pytest.fixture
async def sealed(instance: Instance) -> AsyncIterator[Records]:
    found = await connect(instance.database_url, seal=Seal([KEY]))
    yield found
    await found.close()


async def add(records: Records, content: str = CANARY, *, secret: bool = True, hosts: tuple[str, ...] = ()) -> Stack:
    project = await records.projects.add(unique("t"), "", "ann")
    async with records.transaction() as tx:
        stack = await tx.stacks.add(project, "d", "default", Kind.KUBERNETES, content, "ann", secret=secret)
        assert stack is not None
        await tx.stacks.claim(stack, leading(*hosts))
    return stack


async def certificate(records: Records, project: Project, name: str) -> Group:
    """A Secret of the project that an Ingress may have its certificate in."""
    async with records.transaction() as tx:
        await tx.configs.add(project, ConfigKind.SECRET, name, "ann")
        group = await tx.configs.hold(project.id, ConfigKind.SECRET, name)
        await tx.configs.put(group, {"tls.crt": b"1", "tls.key": b"1"}, "ann", "")
    return await records.configs.get(project.id, ConfigKind.SECRET, name)


def leading(*hosts: str, name: str = "d-site", secret: str | None = None) -> Blueprint:
    """A document whose one Ingress takes the requests of the hosts."""
    routes = tuple(Route(host=host, path="/", exact=False, service="front", port=80) for host in hosts)
    tls = (Tls(hosts=hosts, secret=secret),) if secret else ()
    made = Entrance(name="site", ingress=name, class_name=None, routes=routes, tls=tls)
    return Blueprint(members=(), entrances=(made,) if hosts else ())


async def give_up(records: Records, stack: Stack) -> None:
    """What the end of an upgrade to a document without Ingresses does."""
    async with records.transaction() as tx:
        await tx.stacks.keep(stack, leading())


async def found_in(url: str, text: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        tables = ("template_versions", "stack_versions", "stacks", "templates")
        query = 'SELECT count(*) FROM "{}" t WHERE strpos(cast(t AS text), $1) > 0'
        return [table for table in tables if await connection.fetchval(query.format(table), text)]
    finally:
        await connection.close()


async def test_a_document_with_secrets_is_sealed_and_goes_with_what_it_was_deployed_as(sealed: Records, instance: Instance) -> None:
    stack = await add(sealed)
    await sealed.stacks.add_version(stack.id, f"{CANARY} 2", "ann", secret=True)
    await sealed.stacks.add_version(stack.id, "no secret", "ann")
    _, versions = await sealed.stacks.versions(stack.id, 10, 0)
    assert [(v.number, v.content, v.secret) for v in versions] == [
        (3, "no secret", False),
        (2, f"{CANARY} 2", True),
        (1, CANARY, True),
    ]
    assert CANARY not in repr(versions)
    assert await found_in(instance.database_url, CANARY) == []
    assert await found_in(instance.database_url, CANARY.encode().hex()) == []
    await sealed.stacks.delete(stack.id)
    assert (await sealed.stacks.version(stack.id, 1)).content == ""
    assert (await sealed.stacks.version(stack.id, 3)).content == "no secret"


async def test_a_template_keeps_its_secrets_while_what_is_deployed_of_it_needs_them(sealed: Records, instance: Instance) -> None:
    project = await sealed.projects.add(unique("t"), "", "ann")
    new = NewTemplate(name="shop", kind=Kind.KUBERNETES, content=CANARY)
    template = await sealed.templates.add(project, new, [], "ann", secret=True)
    await sealed.templates.change(project.id, "shop", TemplateChange(content=f"{CANARY} 2"), [], "ann", secret=True)
    same = await sealed.templates.change(project.id, "shop", TemplateChange(content=f"{CANARY} 2"), [], "ann", secret=True)
    assert same.version == 2
    assert await found_in(instance.database_url, CANARY) == []
    stack = await sealed.stacks.add(project, "d", "default", Kind.KUBERNETES, CANARY, "ann", (template.id, 1), secret=True)
    assert stack is not None
    await sealed.templates.delete(template.id)
    assert (await sealed.templates.version(template.id, 1)).content == CANARY
    await sealed.stacks.delete(stack.id)
    assert (await sealed.templates.version(template.id, 1)).content == ""


async def test_a_project_takes_the_secrets_of_its_templates_along(sealed: Records) -> None:
    project = await sealed.projects.add(unique("t"), "", "ann")
    new = NewTemplate(name="shop", kind=Kind.KUBERNETES, content=CANARY)
    template = await sealed.templates.add(project, new, [], "ann", secret=True)
    await sealed.templates.delete_all_of(project.id)
    assert (await sealed.templates.version(template.id, 1)).content == ""


async def test_documents_are_sealed_anew_with_another_key(sealed: Records, instance: Instance) -> None:
    stack, newer = await add(sealed), Fernet.generate_key().decode()
    both = await connect(instance.database_url, seal=Seal([newer, KEY]))
    assert await both.documents.reseal() >= 1
    await both.close()
    with pytest.raises(PlatformUnavailable):
        await sealed.stacks.version(stack.id, 1)
    only = await connect(instance.database_url, seal=Seal([newer]))
    assert (await only.stacks.version(stack.id, 1)).content == CANARY
    await only.close()
    back = await connect(instance.database_url, seal=Seal([KEY, newer]))
    await back.documents.reseal()
    await back.close()


async def test_without_a_key_nothing_secret_is_kept(instance: Instance) -> None:
    records = await connect(instance.database_url)
    with pytest.raises(PlatformUnavailable, match="no key"):
        await add(records)
    assert await add(records, "plain", secret=False)
    await records.close()


async def test_of_many_projects_that_claim_a_host_at_once_one_has_it(sealed: Records) -> None:
    host = f"{unique('h')}.example.com"
    ended = await asyncio.gather(*(add(sealed, hosts=(host, f"{n}-{host}")) for n in range(8)), return_exceptions=True)
    (stack,) = [one for one in ended if isinstance(one, Stack)]
    assert all(isinstance(one, Conflict) and host in one.message for one in ended if one is not stack)
    with pytest.raises(Conflict):
        await add(sealed, hosts=(host,))
    await give_up(sealed, stack)
    other = await add(sealed, hosts=(host,))
    await sealed.stacks.delete(other.id)
    assert await add(sealed, hosts=(host,))


async def test_of_two_stacks_that_take_an_ingress_of_one_name_at_once_one_has_it(sealed: Records) -> None:
    first = await add(sealed)
    project = await sealed.projects.get(first.project)
    async with sealed.transaction() as tx:
        second = await tx.stacks.add(project, "d-a", "default", Kind.KUBERNETES, "x", "ann")
    assert second is not None

    async def claim(stack: Stack) -> Stack:
        async with sealed.transaction() as tx:
            await tx.stacks.claim(stack, leading(f"{unique('h')}.example.com", name="d-a-b"))
        return stack

    ended = await asyncio.gather(claim(first), claim(second), return_exceptions=True)
    (had,) = [one for one in ended if isinstance(one, Stack)]
    (refused,) = [one for one in ended if isinstance(one, Conflict)]
    assert f"The stack {had.name!r} has an Ingress 'd-a-b' already." in refused.message
    await give_up(sealed, had)
    assert await claim(second if had == first else first)


async def test_a_certificate_of_an_ingress_is_in_use_until_its_stack_has_another(sealed: Records) -> None:
    stack = await add(sealed)
    project, host = await sealed.projects.get(stack.project), f"{unique('h')}.example.com"
    group = await certificate(sealed, project, "cert")
    await certificate(sealed, project, "next")
    async with sealed.transaction() as tx:
        await tx.stacks.claim(stack, leading(host, secret="cert"))
        await tx.stacks.claim(stack, leading(host, secret="next"))
    with pytest.raises(Conflict, match=r"tls\.crt and tls\.key cannot go, .*: the Ingresses of the stack d have their"):
        await sealed.configs.check_certificate(group, {"tls.crt", "tls.key", "other"})
    await sealed.configs.check_certificate(group, {"other"})
    await sealed.configs.check_certificate(group, {"tls.key"}, without=stack.id)
    async with sealed.transaction() as tx:
        await tx.stacks.keep(stack, leading(host, secret="next"))
    await sealed.configs.check_certificate(group, {"tls.key"})


@pytest.mark.parametrize("first", ["the claim", "its going", "another one"])
async def test_a_certificate_that_goes_as_a_stack_begins_to_use_it_goes_or_is_used(sealed: Records, first: str) -> None:
    stack = await add(sealed)
    project, wanted = await sealed.projects.get(stack.project), leading(f"{unique('h')}.example.com", secret="cert")
    await certificate(sealed, project, "cert")
    begun, other_waits = asyncio.Event(), asyncio.Event()

    async def claim() -> None:
        async with sealed.transaction() as tx:
            if first != "the claim":
                await begun.wait()
                other_waits.set()
            await tx.stacks.claim(stack, wanted)
            begun.set()
            if first == "the claim":
                await other_waits.wait()

    async def change() -> None:
        async with sealed.transaction() as tx:
            if first == "the claim":
                await begun.wait()
                other_waits.set()
            group = await tx.configs.hold(project.id, ConfigKind.SECRET, "cert")
            if first == "another one":
                await tx.configs.put(group, {"tls.crt": b"2", "tls.key": b"2"}, "ann", "")
            else:
                await tx.configs.check_certificate(group, {"tls.crt"})
                await tx.configs.delete(group.id)
            begun.set()
            await other_waits.wait()

    claimed, changed = await asyncio.gather(claim(), change(), return_exceptions=True)
    if first == "another one":
        assert (claimed, changed) == (None, None)
        return
    refused, done, words = (changed, claimed, "cannot go") if first == "the claim" else (claimed, changed, "no longer there")
    assert done is None
    assert isinstance(refused, Conflict)
    assert "cert" in refused.message
    assert words in refused.message


class NoIngresses:
    """A cluster in which there are none yet."""

    made = 0

    async def list(self, *_: str, **__: str) -> dict[str, Any]:
        return {"items": []}

    async def apply(self, wanted: dict[str, Any]) -> dict[str, Any]:
        self.made += 1
        return wanted


async def test_a_retry_claims_again_the_hosts_that_a_way_back_gave_up(sealed: Records) -> None:
    host, cluster = f"{unique('h')}.example.com", NoIngresses()
    stack = await add(sealed, "---\n".join((POD, FRONT, SITE)).replace("shop.example.com", host), hosts=(host,))
    await give_up(sealed, stack)  # as when the upgrade to this version was brought back
    ask = DeployStack(operation_id=new_id("op"), project=stack.project, target="d", actor="ann", stack_id=stack.id)
    plans: Any = StackPlans(sealed, cluster)  # type: ignore[arg-type]
    await ActivityEnvironment().run(plans.set_entrances, StackAt(ask=ask, version=1))
    assert (cluster.made, await sealed.stacks.hosts(stack.id)) == (1, [host])
    with pytest.raises(Conflict):
        await add(sealed, hosts=(host,))
    await give_up(sealed, stack)
    await add(sealed, hosts=(host,))
    with pytest.raises(Conflict):
        await ActivityEnvironment().run(plans.set_entrances, StackAt(ask=ask, version=1))
    assert cluster.made == 1


async def test_a_rollback_needs_no_second_connection_while_it_holds_one(instance: Instance) -> None:
    records = await connect(instance.database_url, size=1, seal=Seal([KEY]))
    site = "---\n".join((POD, FRONT))
    stack = await add(records, site, secret=False)
    await records.projects.set_status(stack.project, ProjectStatus.ACTIVE)
    services: Any = SimpleNamespace(records=records, settings=SimpleNamespace(registries=Registries(own="localhost:5000")))
    caller: Any = SimpleNamespace(actor=Actor(name="ann", admin=True), project=stack.project, request=None)

    async def submit(_: Any, __: Any, ___: Any, ____: Any, prepare: Any, *, always: bool) -> Any:
        assert always  # a way back is never refused for what is under way
        async with records.transaction() as tx:
            return await prepare(tx)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(deployments, "submit", submit)
        async with asyncio.timeout(3):
            made: Any = await deployments.rollback(services, caller, stack.project, "d", StackRollbackBody(version=1))
    assert made.fields["version"] == 2
    await records.close()


async def test_a_content_that_comes_back_has_the_id_that_it_had(sealed: Records) -> None:
    stack = await add(sealed)
    project = await sealed.projects.get(stack.project)
    async with sealed.transaction() as tx:
        group = await tx.configs.add(project, ConfigKind.CONFIGMAP, f"{stack.name}-g", "ann")
        await tx.stacks.put_group(stack.id, "configmap/g", group.id)
        first = await tx.configs.put(group, {"A": b"1", "B": b"1"}, "ann", "")
        group = await tx.configs.by_id(group.id)
        await tx.configs.put(group, {"A": b"2", "B": b"3"}, "ann", "")
    wanted = Configuration(name="g", group=group.name, kind=ConfigKind.CONFIGMAP, content={"A": b"1", "B": b"1", "C": b"4"})
    held = (await sealed.configs.held(stack.id, [wanted]))["configmap/g"]
    before = {name: entry.value for name, entry in first.entries.items()}
    assert {name: held.id_of(name, content) for name, content in wanted.content.items()} == {**before, "C": None}
    async with sealed.transaction() as tx:
        back = await tx.configs.put(await tx.configs.by_id(group.id), wanted.content, "ann", "")
    assert {name: back.entries[name].value for name in before} == before
    assert back.entries["C"].value not in before.values()


async def test_a_document_refers_to_the_groups_of_its_project_but_not_to_its_own_of_before(sealed: Records) -> None:
    stack = await add(sealed)
    project = await sealed.projects.get(stack.project)
    async with sealed.transaction() as tx:
        for name in ("shared", "d-own"):
            group = await tx.configs.add(project, ConfigKind.SECRET, name, "ann")
            await tx.configs.put(group, {"A": b"1", "B": b"\xff"}, "ann", "")
            if name == "d-own":
                await tx.stacks.put_group(stack.id, "secret/own", group.id)
    known = await sealed.configs.references(project.id, Kind.POD, without=stack.id)
    assert known.find(ConfigKind.SECRET, "shared").entries == {"A": True, "B": False}
    with pytest.raises(ValueError, match="neither"):
        known.find(ConfigKind.SECRET, "d-own")
    held = await sealed.configs.held(stack.id)
    assert {part: now.contents for part, now in held.items()} == {"secret/own": {"A": b"1", "B": b"\xff"}}
    none: References = await sealed.configs.references(project.id, Kind.COMPOSE)
    with pytest.raises(ValueError, match="neither"):
        none.find(ConfigKind.SECRET, "shared")
