"""What the last line of a followed log says of its end."""

from types import SimpleNamespace
from typing import Any

import pytest

from api.routes import logs
from model.instances import pod_instance
from model.layouts import first
from tests.standing import FakeWatches, app_of

RUNS = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
OVER = {"terminated": {"exitCode": 3, "reason": "Error"}}
AGAIN = {"running": {"startedAt": "2026-01-01T00:00:09Z"}}


def pod(state: Any, last: Any = None, uid: str = "1") -> Any:
    status = {"name": "web", "state": state, "lastState": last or {}}
    return {
        "metadata": {"name": "web-x", "namespace": "shop", "uid": uid, "labels": {}},
        "spec": {"containers": [{"name": "web", "image": "web"}]},
        "status": {"containerStatuses": [status]},
    }


@pytest.mark.parametrize(
    ("begun", "found", "told"),
    [
        # The log ends a moment before the pod tells so.
        (pod(RUNS), [pod(RUNS), pod(RUNS), pod(OVER)], "The container 'web' ended with exit code 3 (Error)."),
        (
            pod(RUNS),
            [pod(RUNS), pod(AGAIN, OVER)],
            "The container 'web' ended with exit code 3 (Error). It runs again; follow it again.",
        ),
        (pod(RUNS, OVER), [pod(RUNS, OVER)], "The log of the container 'web' broke off; follow it again."),
        (pod(OVER), [pod(OVER)], "The container 'web' ended with exit code 3 (Error)."),
        (pod(RUNS), [pod(RUNS), pod(RUNS, uid="2")], "The instance 'web-x' is gone."),
        (pod(RUNS), [None], "The instance 'web-x' is gone."),
    ],
)
async def test_it_says_how_the_life_that_was_followed_ended(
    begun: Any, found: list[Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_TO_TELL_WHY", 0.3)
    left = list(found)

    async def find(*_: str) -> Any:
        return left.pop(0) if len(left) > 1 else left[0]

    services: Any = SimpleNamespace(streams=SimpleNamespace(find=find), watches=FakeWatches())
    instance = pod_instance(app_of(first("Deployment", 1, 1)), begun)
    assert await logs._how_it_ended(services, instance, "web") == told
