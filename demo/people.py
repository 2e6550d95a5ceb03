"""The demo's project and its people: removed where an earlier run left them, made anew, with what each may do."""

from cli.api import Api, Record, path
from cli.failures import Refused
from demo.stage import NotShown, Stage

_PEOPLE = {"ann": "developer", "vic": "viewer"}
_TRIES = 3


async def remove_earlier(stage: Stage) -> None:
    """Delete the demo's project with all in it, whatever state an earlier run left it in."""
    for _ in range(_TRIES):
        try:
            accepted = await stage.admin.delete(path("/v2/projects", stage.project), cascade="true")
        except Refused as refused:
            if refused.reason == "NotFound":
                return
            if "OperationID" not in refused.body:  # nothing runs on it that could be waited for
                raise
            accepted = refused.body
        await stage.follow(accepted)
    raise NotShown(f"The project {stage.project} of an earlier run cannot be removed. See: mooring op ls -p {stage.project}")


async def make_project(stage: Stage) -> None:
    """The project, ann who develops in it and vic who only looks; `stage.ann` is signed in as ann from here on."""
    (made,) = await stage.done(await stage.admin.post("/v2/projects", {"name": stage.project, "description": "The demo"}))
    stage.begun = made["createdAt"]
    tokens = {}
    for name, role in _PEOPLE.items():
        tokens[name] = await _person(stage.admin, name)
        await stage.admin.put(path("/v2/projects", stage.project, "members", name), {"role": role})
    stage.ann = stage.admin.signed_in(tokens["ann"])
    me = await stage.ann.get("/v2/users/me")
    stage.check(me["roles"].get(stage.project) == "developer", f"ann is a developer of {stage.project}", f"She is {me}.")
    async with stage.admin.signed_in(tokens["vic"]) as vic:
        stage.check(await _refused(vic, stage.project), "vic, a viewer, may not deploy: 403 Forbidden")


async def _person(admin: Api, name: str) -> str:
    """A user of that name with a fresh token; the token of an earlier run ends."""
    try:
        await admin.post("/v2/users", {"name": name})
    except Refused as refused:
        if refused.reason != "Conflict":  # it exists since an earlier run
            raise
    tokens = (await admin.get("/v2/tokens"))["tokens"]
    for old in tokens:
        if (old["user"], old["name"]) == (name, "demo"):
            await admin.delete(path("/v2/tokens", old["id"]))
    made: Record = await admin.post("/v2/tokens", {"user": name, "name": "demo"})
    return str(made["token"])


async def _refused(api: Api, project: str) -> bool:
    try:
        await api.post(path("/v2/applications", project), {"name": "x", "imageRef": "public/busybox:latest"})
    except Refused as refused:
        return refused.reason == "Forbidden"
    return False
