"""P10 and P11: a gray upgrade ÷ Kubernetes' own roll-out; an instance upgraded in place ÷ its pod deleted and made anew.

On both sides an instance counts as soon as it is ready (minReadySeconds 0), and has no CPU limit: a wait that is asked for, and a
start that the kernel holds back for seconds at a hundredth of a core, are nobody's speed, and would be most of what is measured.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from bench.deploying import body, kubectl, objects_of
from bench.pairs import Figure, measure
from bench.platform import PROJECT, Platform, profile
from tests.images import REPOSITORY, publish

# Turn and turn about, so that every roll-out changes something and both images are there before the first is measured.
_TAGS = ("bench-even", "bench-odd")
_IMAGES = tuple(f"{REPOSITORY}:{tag}" for tag in _TAGS)
_SURGE = {"maxSurge": "25%", "maxUnavailable": "25%"}
_ENDS_AT_ONCE = "sh -c 'trap \"exit 0\" TERM; sleep 100000 & wait'"


async def p10(platform: Platform, env: dict[str, str], pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P10: 20 instances go over to another image by maxSurge and maxUnavailable of 25 %, in three batches and in one."""
    figure = Figure("P10", "gray upgrade 10/50/100 % of 20 instances ÷ kubectl apply + rollout status", 1.1)

    async def ours(pair: int) -> None:
        asked = {"image": _IMAGES[pair % 2], "batches": ["10%", "50%", "100%"], "pause": "never", **_SURGE}
        figure.profile[:] = profile(await platform.run("POST", f"/v2/applications/{PROJECT}/p10/rollout", asked))

    async with _both(platform, env, "p10", "deployment/p10-native", _SURGE, (20, 20)) as reference:
        return await measure(figure, ours, reference, pairs, say)


async def p11(platform: Platform, env: dict[str, str], pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P11: one instance goes over to another image; the reference is the same StatefulSet, told to do it by itself.

    By the strategy RollingUpdate a StatefulSet deletes its pod and makes it anew with the new image. The program ends as soon as
    it is told to. Each pair has an instance of its own: the kubelet takes a container whose image comes back for the second time
    within minutes for one that crashes, and holds it up.
    """
    figure = Figure("P11", "instance.update in place ÷ kubectl apply + rollout status: pod deleted and made anew", 0.3)

    async def ours(pair: int) -> float:
        begun = time.perf_counter()
        record = await platform.run("POST", f"/v2/instances/{PROJECT}/p11-{pair}/{pair}/update", {"image": _IMAGES[0]})
        taken = time.perf_counter() - begun
        if record["result"].get("inPlace") != 1:
            raise RuntimeError(f"The instance was not changed in place: {record['result']}")
        figure.profile[:] = profile(record)
        return taken

    # Without ports: nobody listens, and what is asked for and waited for by default would be measured instead.
    fields = {"type": "TApp", "cmd": _ENDS_AT_ONCE, "terminationGracePeriodSeconds": 30, "portMappings": []}
    async with _both(platform, env, "p11", "statefulset/p11-native-0", fields, (pairs + 1, 1)) as reference:
        return await measure(figure, ours, reference, pairs, say)


@contextlib.asynccontextmanager
async def _both(
    platform: Platform, env: dict[str, str], name: str, native: str, fields: dict[str, Any], counts: tuple[int, int]
) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """The app `name`, and the same objects under `native` that kubectl rolls to the pair's image; both go at the end.

    `counts` are the instances of the app and of its native twin.
    """
    digests = [await publish(tag, tag) for tag in _TAGS]
    made = await objects_of(platform, env, _new(f"{name}-sample", 0, counts[1], fields))
    made = made.replace(f"{name}-sample", f"{name}-native").replace("OnDelete", "RollingUpdate")
    manifests = [made, made.replace(*digests)]

    async def roll(pair: int) -> None:
        await kubectl(env, "apply", "--server-side", "-f", "-", stdin=manifests[pair % 2])
        await kubectl(env, "-n", PROJECT, "rollout", "status", native, "--timeout=120s")

    await platform.run("POST", f"/v2/applications/{PROJECT}", _new(name, 1, counts[0], fields))
    await roll(1)
    yield roll
    await platform.run("DELETE", f"/v2/applications/{PROJECT}/{name}")
    await kubectl(env, "delete", "--wait", "-f", "-", stdin=manifests[0])


def _new(name: str, pair: int, count: int, fields: dict[str, Any]) -> dict[str, Any]:
    own = {"imageRef": _IMAGES[pair % 2], "resources": {"mem": "32Mi"}, "minReadySeconds": 0}
    return {**body(name, count), **own, **fields}
