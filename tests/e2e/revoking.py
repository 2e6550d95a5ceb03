"""Taking away from a person what they may do, in each of the ways there are."""

from tests.platform import Platform


async def revoke(platform: Platform, project: str, who: Platform, how: str) -> None:
    """Make a member a viewer ("role"), no member ("membership"), or revoke the token ("token")."""
    name = (await who.get("/v2/users/me"))["name"]
    if how == "role":
        await platform.ask("PUT", f"/v2/projects/{project}/members/{name}", {"role": "viewer"})
    elif how == "membership":
        await platform.ask("DELETE", f"/v2/projects/{project}/members/{name}")
    else:
        (token,) = [t for t in (await platform.get("/v2/tokens"))["tokens"] if t["user"] == name]
        await platform.ask("DELETE", f"/v2/tokens/{token['id']}")
