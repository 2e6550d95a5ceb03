"""Records of web shells: the first end stays, and one that its process left behind is shown as lost."""

from model.apps import App, AppSpec, ContainerSpec
from records import Records
from records.ids import new_app_id, new_id
from tests.platform import unique


async def an_app(records: Records) -> App:
    async with records.transaction() as tx:
        project = await tx.projects.add(unique("shop"), "", "ann")
        app_id = new_app_id()
        spec = AppSpec(containers=(ContainerSpec(name="web", image="web"),))
        await tx.apps.add(app_id, project, "web", spec, replicas=1, username="ann", actor="ann")
        return await tx.apps.by_id(app_id)


async def opened(records: Records, app: App) -> str:
    shell_id = new_id("sh")
    await records.shells.add(shell_id, app, "web-0", "web", command="", actor="ann")
    return shell_id


async def test_the_first_end_of_a_shell_stays(records: Records) -> None:
    app = await an_app(records)
    first, second = await opened(records, app), await opened(records, app)
    await records.shells.end(first, "Revoked", "no more", None)
    await records.shells.end(first, "Exited", "done", 0)
    total, rows = await records.shells.page(app.project_id, "web-0", 10, 0)
    assert (total, [row["id"] for row in rows]) == (2, [second, first])
    assert (rows[0]["ended_at"], rows[0]["reason"]) == (None, None)
    assert (rows[1]["reason"], rows[1]["exit_code"]) == ("Revoked", None)
    assert await records.shells.page("prj-other", "web-0", 10, 0) == (0, [])


async def test_a_shell_nobody_vouches_for_is_lost(records: Records) -> None:
    app = await an_app(records)
    shell_id = await opened(records, app)
    await records._executor.execute("UPDATE shells SET alive_at = alive_at - interval '1 hour' WHERE id = $1", shell_id)
    (lost,) = (await records.shells.page(app.project_id, "web-0", 10, 0))[1]
    assert (lost["reason"], lost["ended_at"] is None) == ("Lost", False)
    await records.shells.vouch(shell_id)
    (open_again,) = (await records.shells.page(app.project_id, "web-0", 10, 0))[1]
    assert open_again["reason"] is None
