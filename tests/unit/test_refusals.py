"""A refused right says which roles have it and who gives one, in a project to its members only."""

from types import SimpleNamespace
from typing import Any

import pytest

from api.access import check
from api.refusals import refused
from api.routes.operations import _controlled
from model.access import PERMISSIONS, Actor, Role, roles_with
from model.errors import Forbidden, NotFound, Superseded
from model.projects import Member

VIC = Actor(name="vic", roles={"shop": Role.VIEWER}, project_ids={"shop": "p-1"})


def services(*admins: str) -> Any:
    """Records of a project with these admins, and vic."""

    async def members(project_id: str) -> list[Member]:
        assert project_id == "p-1"
        return [*(Member(user=name, role=Role.ADMIN) for name in admins), Member(user="vic", role=Role.VIEWER)]

    return SimpleNamespace(records=SimpleNamespace(projects=SimpleNamespace(members=members)))


async def test_it_names_the_roles_the_admins_and_the_way() -> None:
    error = await refused(services("ann", "bob"), VIC, "app:write", "shop")
    assert error.message == "'vic' does not have the permission app:write in the project 'shop': the role viewer has it not."
    assert error.hint == (
        "It takes the role developer or admin; ask an admin of the project (ann, bob) for it: PUT /v2/projects/shop/members/vic."
    )


async def test_without_an_admin_a_platform_admin_is_named_and_of_many_a_few() -> None:
    assert (
        "ask a platform admin, as the project has no admin, for it: PUT"
        in (await refused(services(), VIC, "app:write", "shop")).hint
    )
    many = (await refused(services(*(f"a{n}" for n in range(9))), VIC, "member:write", "shop")).hint
    assert "the role admin;" in many
    assert "(a0, a1, a2, a3, a4 and 4 more)" in many


async def test_what_is_the_platforms_is_asked_of_its_admins() -> None:
    error = await refused(services("ann"), VIC, "platform:admin", "shop")
    assert "ann" not in error.message + error.hint
    assert error.hint == "It is for platform admins: ask one."


def test_who_is_no_member_is_told_of_no_admin() -> None:
    with pytest.raises(NotFound, match="There is no project 'other'"):
        check(VIC, "app:write", "other")


def test_every_permission_of_a_project_is_of_some_role() -> None:
    for permission in PERMISSIONS[Role.ADMIN]:
        assert roles_with(permission)[-1] is Role.ADMIN


@pytest.mark.parametrize("roles", [{}, {"shop": Role.ADMIN}])
async def test_an_operation_of_a_deleted_project_is_no_former_members_to_control(roles: dict[str, Role]) -> None:
    row = {"id": "op-1", "project_id": "p-1", "project": "shop", "kind": "app.create"}

    async def with_steps(_: str) -> dict[str, str]:
        return row

    known = services()
    known.records.operations = SimpleNamespace(with_steps=with_steps)
    ids = dict.fromkeys(roles, "p-2")  # another project of that name
    former = Actor(name="vic", roles=roles, project_ids=ids, deleted_projects=frozenset({"p-1"}))
    with pytest.raises(Superseded, match="op-1 belongs to an earlier project 'shop', which was deleted"):
        await _controlled(known, former, "op-1")
    with pytest.raises(Forbidden, match="app:write"):
        await _controlled(known, VIC, "op-1")
    with pytest.raises(NotFound):
        await _controlled(known, Actor(name="eve"), "op-1")
    assert await _controlled(known, Actor(name="root", admin=True), "op-1") == row
