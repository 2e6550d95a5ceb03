"""No request is refused or fails while instances come and go, of an app that says nothing but its port (faults 39).

Time budget: 90 s on 2 cores.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from model.operations import Status
from tests.images import publish
from tests.platform import Platform, eventually

# It listens only a moment after its start, and ends at once when it is told to.
SERVES = "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; sleep 1; httpd -f -p 8080 -h /tmp/w & trap 'kill $!; exit' TERM; wait"
WEB: dict[str, Any] = {
    "name": "web",
    "imageRef": "busybox",
    "instanceNum": 4,
    "cmd": ["sh", "-c", SERVES],
    "resources": {"mem": "32Mi"},
    "terminationGracePeriodSeconds": 8,
    "minReadySeconds": 1,
    "networkType": 2,
    "portMappings": [{"protocol": "tcp", "containerPort": 8080}],
}
ENOUGH = 10_000
PROBERS = 12


async def answer(host: str, port: int) -> str:
    """The first line of the reply to a request on a connection of its own, or what became of it."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            line = (await reader.readline()).decode().strip()
            await reader.read()
            writer.close()
    except (OSError, TimeoutError) as error:
        return repr(error)
    return line or "nothing"


@contextlib.asynccontextmanager
async def traffic(platform: Platform, project: str) -> AsyncIterator[Counter[str]]:
    """Requests to `web` through the node's port, many side by side; what was answered, how often."""
    (instance, *_) = (await platform.get(f"/v2/instances/{project}/web/lists"))["instances"]
    url: str = (await platform.ask("POST", f"/v2/instances/{project}/{instance['name']}/url"))["url"]
    host, _, port = url.removeprefix("http://").rpartition(":")
    answers: Counter[str] = Counter()

    async def probe() -> None:
        while True:
            answers[await answer(host, int(port))] += 1

    async def flows() -> bool:
        return (await answer(host, int(port))).endswith("200 OK")

    await eventually(flows, "the app answers", 30)
    async with asyncio.TaskGroup() as probers:
        tasks = [probers.create_task(probe()) for _ in range(PROBERS)]
        yield answers
        for task in tasks:
            task.cancel()


async def test_ten_thousand_requests_through_every_change(platform: Platform) -> None:
    # given an app of four, which is told what its port means
    project = await platform.project("traffic")
    web = f"/v2/applications/{project}/web"
    made = await platform.ask("POST", f"/v2/applications/{project}", WEB, expect=202)
    assert [notice for notice in made["notices"] if "port 8080" in notice]
    assert (made["readinessProbe"]["tcpSocket"], made["lifecycle"]) == (
        {"port": 8080},
        {"preStop": {"sleep": {"seconds": 4}}},
    )
    await platform.wait(made["OperationID"])
    image = f"busybox:{await _other()}"
    async with traffic(platform, project) as answers:
        # when it is upgraded, in batches too, undone half-way, rolled back, restarted, made smaller, and has a sibling for a while
        await platform.done("POST", f"{web}/copy", {"name": "sibling", "instanceNum": 1})
        await platform.done("POST", f"{web}/rollout", {"image": image})
        await platform.done("POST", f"{web}/rollback")
        undone = await platform.submit("POST", f"{web}/rollout", {"image": image})
        await eventually(lambda: _moves(platform, undone), "the upgrade is under way", 30)
        await platform.ask("POST", f"/v2/operations/{undone}/cancel", expect=202)
        await platform.wait(undone, Status.CANCELLED)
        await platform.done("POST", f"{web}/rollout", {"image": image, "batches": ["50%", "100%"], "pause": "never"})
        await platform.done("POST", f"{web}/restart")
        await platform.done("POST", f"{web}/scale", type="manual", scale=2)
        await platform.done("DELETE", f"/v2/applications/{project}/sibling")
        await eventually(lambda: _true(answers.total() >= ENOUGH), f"{ENOUGH} requests were sent", 60)
    # then each of them was answered
    assert {line for line in answers if not line.endswith("200 OK")} == set(), answers
    assert answers.total() >= ENOUGH


async def _true(found: bool) -> bool:
    return found


async def _moves(platform: Platform, operation: str) -> bool:
    """Whether instances of the new version have come."""
    record = await platform.operation(operation)
    return any(step.name == "app.move" and "of this revision" in step.message for step in record.steps or [])


async def _other() -> str:
    await publish("traffic", "traffic")
    return "traffic"
