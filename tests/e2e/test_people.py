"""Users who leave (mission M)."""

from tests.platform import Platform


async def test_a_deleted_user_is_out_at_once_and_what_they_did_stays_theirs(platform: Platform, project: str) -> None:
    zoe = await platform.user("developer", project)
    name = (await zoe.get("/v2/users/me"))["name"]
    body = {"name": "web", "imageRef": "public/busybox:latest", "instanceNum": 0}
    operation = await platform.wait(await zoe.submit("POST", f"/v2/applications/{project}", body))
    assert (await platform.get("/v2/tokens", user=name))["total"] == 1
    await zoe.ask("GET", "/v2/tokens", user="admin", expect=403)
    await zoe.ask("DELETE", f"/v2/users/{name}", expect=403)

    await platform.ask("DELETE", f"/v2/users/{name}")
    await zoe.ask("GET", "/v2/users/me", expect=401)
    assert name not in {member["user"] for member in (await platform.get(f"/v2/projects/{project}/members"))["members"]}
    assert (await platform.get(f"/v2/applications/{project}/web"))["Status"] == "RUNNING"
    assert (await platform.operation(operation.id)).actor == name
    # Another of that name would see what that one did.
    await platform.ask("POST", "/v2/users", {"name": name}, expect=409)
    await platform.ask("DELETE", f"/v2/users/{name}", expect=404)


async def test_nobody_deletes_themselves_and_an_admin_is_left(platform: Platform) -> None:
    me = (await platform.get("/v2/users/me"))["name"]
    refused = await platform.ask("DELETE", f"/v2/users/{me}", expect=409)
    assert "yourself" in refused["Message"]
