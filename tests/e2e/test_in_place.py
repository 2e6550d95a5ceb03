"""An image changed in place by the real kubelet, and taken back: what is shown is what the container really is (faults: 22)."""

import time
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from model.operations import OperationRecord, Status
from tests.images import publish
from tests.platform import Platform, eventually, told

GRACE = 8
# It serves the mark of its image: that is what really runs. As its container's first process it does not hear SIGTERM.
SERVES = "mkdir -p /tmp/w; echo $MARK > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w"
_TELLS = 15.0  # seconds in which also a busy kubelet has told what began; half a second else


@dataclass(frozen=True)
class Look:
    """What web-1 really runs, None while it does not answer, and what is said at the same time of it, its app and the operation."""

    runs: str | None
    instance: dict[str, Any]
    app: dict[str, Any]
    record: OperationRecord

    @property
    def shown(self) -> tuple[Any, ...]:
        return self.instance["version"], self.instance["image"], self.instance["status"], self.instance["reason"]

    @property
    def says(self) -> str:
        """What the newest step says."""
        return self.record.steps[-1].message if self.record.steps else ""


class Web:
    """The TApp `web` of two instances, of which web-1 is changed."""

    def __init__(self, platform: Platform, project: str) -> None:
        self.platform = platform
        self.project = project
        self.looks: list[Look] = []
        self._wrong_since: float | None = None

    async def create(self) -> None:
        body = {
            "name": "web",
            "type": "TApp",
            "imageRef": "busybox:place-1",
            "instanceNum": 2,
            "cmd": ["sh", "-c", SERVES],
            "resources": {"cpu": "0.02", "mem": "16Mi"},
            "portMappings": [{"protocol": "tcp", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
            "minReadySeconds": 0,
            "terminationGracePeriodSeconds": GRACE,
        }
        await self.platform.done("POST", f"/v2/applications/{self.project}", body)

    async def look(self, operation: str) -> Look:
        """Fails where for some seconds another version is shown than runs."""
        instance = await self.platform.get(f"/v2/instances/{self.project}/web-1")
        before = await self._runs(instance["ip"])
        instance = await self.platform.get(f"/v2/instances/{self.project}/web-1")
        app = await self.platform.get(f"/v2/applications/{self.project}/web")
        record = await self.platform.operation(operation)
        runs = before if before == await self._runs(instance["ip"]) else None
        found = Look(runs, instance, app, record)
        self.looks.append(found)
        wrong = runs is not None and str(instance["version"]) != runs
        self._wrong_since = (self._wrong_since or time.monotonic()) if wrong else None
        lasts = time.monotonic() - self._wrong_since if self._wrong_since else 0.0
        assert lasts < _TELLS, f"for {lasts:.0f} s version {runs} runs and {found.shown} is shown\n{told(record)}"
        return found

    async def _runs(self, ip: str) -> str | None:
        try:
            async with httpx.AsyncClient(timeout=2) as http:
                reply = await http.get(f"http://{ip}:8080/")
        except httpx.TransportError:
            return None
        return reply.text.strip() if reply.is_success else None


@pytest.fixture
async def web(platform: Platform, project: str) -> Web:
    for mark in ("1", "2"):
        await publish(f"place-{mark}", mark)
    made = Web(platform, project)
    await made.create()
    return made


async def test_a_change_that_is_cancelled_is_shown_as_what_runs_until_what_was_before_runs_again(web: Web) -> None:
    # given an instance whose container has been told to end for another image, and takes its grace
    update = await web.platform.submit("POST", f"/v2/instances/{web.project}/web-1/1/update", {"image": "busybox:place-2"})

    async def ends() -> bool:
        look = await web.look(update)
        begun = "Killing" in {event["reason"] for event in look.instance["events"]}
        return begun and "what ran in web-1 before has not ended yet" in look.says

    await eventually(ends, "the kubelet ends the container, and the operation says so")
    # then what still serves is shown, on instance and app
    look = web.looks[-1]
    assert (look.runs, look.shown) == ("1", (1, "busybox:place-1", "RUNNING", "Changing"))
    assert (look.instance["ready"], look.app["InstanceSummary"]) == (True, "2/2 running")

    # when it is cancelled, and the kubelet begins the abandoned image although the pod does not say it any more
    await web.platform.ask("POST", f"/v2/operations/{update}/cancel", expect=202)

    async def abandoned() -> bool:
        look = await web.look(update)
        assert look.record.status is not Status.CANCELLED, "it is over before the container is"
        return (look.runs, look.shown) == ("2", (2, "busybox:place-2", "RUNNING", "Changing")) and "web-1" in look.says

    await eventually(abandoned, "the abandoned image runs, is shown, and the operation names the instance", 4 * GRACE)
    assert web.looks[-1].record.status is Status.CANCELLING

    # then the operation ends when what was before runs again, and not earlier
    async def over() -> bool:
        return (await web.look(update)).record.status is Status.CANCELLED

    await eventually(over, "it ends", 8 * GRACE)
    look = await web.look(update)
    assert (look.runs, look.shown) == ("1", (1, "busybox:place-1", "RUNNING", ""))
    assert look.app["InstanceSummary"] == "2/2 running"
    versions = {version["revision"]: version["instances"] for version in look.app["versions"] if version["count"]}
    assert versions == {1: ["web-0", "web-1"]}
