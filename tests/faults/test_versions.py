"""Five versions in an app of five instances, changed one by one while the worker dies at every step of every change (issue 4).

Time budget: 3 minutes on 2 cores, side by side with the crash matrix, for a dozen deaths and more.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from clients.kubernetes import Object
from tests.faults.apps import TAPP, instance, web
from tests.faults.slot import Slot
from tests.faults.worker import SETTLE, Boundary
from tests.images import publish
from tests.platform import Platform, eventually, unique
from tests.replay.histories import recorded, steps_of


@pytest.mark.timeout(600)
@pytest.mark.parametrize("side", ["before", "after"])
async def test_what_remains_of_five_versions_is_exactly_right_whenever_the_worker_dies(slot: Slot, side: str) -> None:
    """Given instances 0 to 4 at versions 1 to 5; when 1 and 3 are killed, 3 is started, 0 and 4 go; then the rest is as it was."""
    project = await slot.platform.project("crash")
    digests = await five_versions(slot.platform, project)
    given = await pods(slot, project)

    async def dying(kind: str, submit: Awaitable[str]) -> None:
        steps = steps_of(recorded()[kind.replace(".", "_")])
        await slot.run_dying(
            [Boundary(kind=kind, project=project, step=s, side=side) for s in (*range(1, steps + 1), SETTLE)], submit
        )

    await dying("instance.kill", slot.platform.submit("POST", instance(project, 1, "kill")))
    await dying("instance.kill", slot.platform.submit("POST", instance(project, 3, "kill")))
    await dying("instance.start", slot.platform.submit("POST", instance(project, 3, "start")))
    going = {"instances": ["web-0", "web-4"]}
    await dying("app.scale", slot.platform.submit("POST", web(project, "scale"), going, type="manual"))

    async def gone() -> bool:
        return set(await pods(slot, project)) == {"web-2-0", "web-3-0"}

    await eventually(gone, "only the pods of 2 and 3 are there")
    app = await slot.platform.get(web(project))
    shown = {each["instances"][0]: each["killed"] for each in app["versions"] if each["instances"]}
    assert shown == {"web-1": ["web-1"], "web-2": [], "web-3": []}
    assert (app["Status"], app["InstanceNum"], app["InstanceSummary"]) == ("RUNNING", 3, "2/3 running, 1 killed")
    sets = (await slot.cluster.list("StatefulSet", project))["items"]
    wanted = {"web-1": (0, digests[1]), "web-2": (1, digests[2]), "web-3": (1, digests[3])}
    assert {each["metadata"]["name"]: (each["spec"]["replicas"], digest(each["spec"]["template"])) for each in sets} == wanted
    left = await pods(slot, project)
    assert {name: digest(pod) for name, pod in left.items()} == {"web-2-0": digests[2], "web-3-0": digests[3]}
    assert uid(left["web-2-0"]) == uid(given["web-2-0"]), "nobody touched instance 2"
    assert uid(left["web-3-0"]) != uid(given["web-3-0"])
    services = {each["metadata"]["name"] for each in (await slot.cluster.list("Service", project))["items"]}
    assert services == {"web", "web-1", "web-2", "web-3"}


async def five_versions(platform: Platform, project: str) -> list[str]:
    """Make the app and bring its instances 1 to 4 to a version of their own each; the images' digests by index."""
    tags = [unique("v") for _ in range(5)]
    digests = await asyncio.gather(*(publish(tag, tag) for tag in tags))
    body: dict[str, Any] = TAPP | {"imageRef": f"busybox:{tags[0]}", "instanceNum": 5}
    await platform.done("POST", f"/v2/applications/{project}", body)
    for index in range(1, 5):
        await platform.done("POST", instance(project, index, "update"), {"image": f"busybox:{tags[index]}"})
    return list(digests)


async def pods(slot: Slot, project: str) -> dict[str, Object]:
    """The pods of the project by name."""
    return {pod["metadata"]["name"]: pod for pod in (await slot.cluster.list("Pod", project))["items"]}


def digest(owner: Object) -> str:
    """The image's digest of a pod or of a template."""
    image: str = owner["spec"]["containers"][0]["image"]
    return image.partition("@")[2]


def uid(pod: Object) -> str:
    """What tells one life of a name from the next."""
    found: str = pod["metadata"]["uid"]
    return found
