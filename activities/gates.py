"""The gates of a batch: its new instances stay ready, answer over HTTP, and a metric holds (mission B: gray upgrade)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.deadline import Deadline
from activities.pause_scaling import sized_layout
from activities.progress import tell
from activities.together import together
from clients.kubernetes import Cluster, Object
from clients.metrics import Metrics
from model.apps import App, AppAsk
from model.base import Frozen
from model.errors import DeadlineExceeded, Evidence, GateFailed, MetricsUnavailable
from model.gates import Sample, Verdict, condition_of, judged
from model.gray import Gate, HttpGate, MetricGate, whole
from model.manifests import selector
from model.pod_templates import instance_name, track_of
from model.pods import is_ready, leaves
from records import Records

_AT_ONCE = 20  # probes side by side
_EVERY = 1.0  # seconds between two tries of a probe, and two looks at readiness
_SHOWN = 20  # samples in the evidence


class GateCheck(Frozen):
    """Input of the gates of one batch, which has come to the layout `at`; the new instances are those of `revision`."""

    ask: AppAsk
    at: int
    revision: int
    ready_seconds: int
    gates: tuple[Gate, ...]


class GateActivities:
    """What has to hold after a batch before the next may begin."""

    def __init__(self, records: Records, cluster: Cluster, metrics: Metrics) -> None:
        self._records = records
        self._cluster = cluster
        self._metrics = metrics

    @activity.defn(name="app.check_gates")
    async def check_gates(self, check: GateCheck) -> None:
        """Wait until all gates have passed, side by side; a worker that takes it up anew begins to measure anew.

        Raises GateFailed with the values and times that were seen as evidence, as soon as one gate has failed, DeadlineExceeded
        where one is still open at the deadline, Invalid where a query has no one number.
        """
        app = await self._records.apps.by_id(check.ask.app_id)
        layout = await sized_layout(self._records, check.ask, check.at, check.revision)
        tracks = {w.track: w.replicas for w in layout.workloads if w.revision == check.revision and w.replicas}
        words, deadline = _Words(), Deadline()
        if check.ready_seconds:
            await self._stay_ready(app, tracks, check.ready_seconds, words, deadline)
        await together(self._check(gate, app, check.revision, tracks, words, deadline) for gate in check.gates)
        await words.tell_all()

    async def _check(
        self, gate: Gate, app: App, revision: int, tracks: Mapping[str, int], words: "_Words", deadline: Deadline
    ) -> None:
        if gate.http:
            pods = await self._all_new_pods(gate.title, app, tracks, words, deadline)
            spec = (await self._records.apps.revision(app.id, revision)).spec
            opened = sorted({p.container_port for c in spec.containers for p in c.ports if p.protocol == "tcp"})
            await self._probe_all(_Probe(gate.title, gate.http, app, opened), pods, words, deadline)
        if gate.metric:
            await self._measure(gate.title, gate.metric, app, words, deadline)

    async def _stay_ready(self, app: App, tracks: Mapping[str, int], seconds: int, words: "_Words", deadline: Deadline) -> None:
        """All new instances are ready for so long without a break."""
        clock = asyncio.get_running_loop().time
        since = clock()
        while True:
            pods = await self._new_pods(app, tracks)
            unready = [instance_name(pod) for pod in pods if not is_ready(pod)]
            if unready or len(pods) < sum(tracks.values()):
                since = clock()
                await words.say("ready", f"{unready[0]} is not ready any more" if unready else _there(pods, tracks))
            elif clock() - since >= seconds:
                await words.say("ready", f"ready for {seconds} s")
                return
            else:
                await words.say("ready", f"{len(pods)} instances are ready; they have to be for {seconds} s")
            if not deadline.left:
                raise DeadlineExceeded(
                    f"The new instances of {app.name} were not ready for {seconds} s until the deadline; {_there(pods, tracks)}."
                )
            await asyncio.sleep(min(_EVERY, deadline.left))

    async def _probe_all(self, probe: "_Probe", pods: Sequence[Object], words: "_Words", deadline: Deadline) -> None:
        places = asyncio.Semaphore(_AT_ONCE)
        passed = 0

        async def ask(pod: Object) -> None:
            nonlocal passed
            async with places:
                await self._probe(probe, pod, words, deadline)
            passed += 1
            await words.say(probe.title, f"{passed} of {len(pods)} instances answer")

        await together(map(ask, pods))

    async def _probe(self, probe: "_Probe", pod: Object, words: "_Words", deadline: Deadline) -> None:
        """One instance answers well so many times in a row, or badly so many times."""
        gate, name, well, badly = probe.gate, instance_name(pod), 0, list[Evidence]()
        while True:
            asked = _now()
            answer = await self._cluster.ask_pod(
                probe.app.project, pod["metadata"]["name"], gate.port, gate.path, gate.timeout_seconds
            )
            if gate.accepts(answer[0]):
                well, badly = well + 1, []
            else:
                told = f"{answer[0]} {answer[1]}".strip() if answer[0] else answer[1]
                well, badly = 0, [*badly, Evidence(type="probe", source=f"{probe.title} of {name}", text=told, at=asked)]
                await words.say(probe.title, f"{name}: {_shortened(told)}, since {badly[0].at}")
            if well >= gate.successes:
                return
            if len(badly) >= gate.failures:
                raise probe.failed(name, badly, answered=bool(answer[0]))
            if not deadline.left:
                last = f"; {name}: {_shortened(badly[-1].text)}" if badly else ""
                raise DeadlineExceeded(f"The gate {probe.title} is still open at the deadline{last}.", evidence=badly[-_SHOWN:])
            await asyncio.sleep(min(_EVERY, deadline.left))

    async def _measure(self, title: str, gate: MetricGate, app: App, words: "_Words", deadline: Deadline) -> None:
        """The metric holds for `duration`, or is bad for `failDuration`; a store that does not answer is no sample."""
        condition, clock = condition_of(gate.condition), asyncio.get_running_loop().time
        begun, samples, seen = clock(), list[Sample](), list[str]()
        while True:
            try:
                value = await self._metrics.query(gate.query, app.project)
            except MetricsUnavailable as error:
                await words.say(title, error.message)
            else:
                samples.append(Sample(at=clock() - begun, value=value))
                told = "no data" if value is None else f"{value:g}"
                seen.append(f"{_now()} {told}")
                good = "" if condition.holds(value) else f", not {gate.condition}"
                await words.say(title, f"{gate.query} is {told}{good}")
            verdict = judged(samples, condition, whole(gate.duration), whole(gate.fail_duration))
            if verdict is Verdict.PASSED:
                return
            evidence = [Evidence(type="metric", source=gate.query, text="\n".join(seen[-_SHOWN:]), at=_now())]
            if verdict is Verdict.FAILED:
                raise GateFailed(f"The gate {title} failed: {_why(gate, samples)}.", evidence=evidence)
            if not deadline.left:
                raise DeadlineExceeded(f"The gate {title} is still open at the deadline.", evidence=evidence)
            await asyncio.sleep(min(whole(gate.interval), deadline.left))

    async def _all_new_pods(
        self, title: str, app: App, tracks: Mapping[str, int], words: "_Words", deadline: Deadline
    ) -> list[Object]:
        """The new instances, when all are there: one that was evicted comes again, and says nothing of the gate meanwhile."""
        while True:
            pods = await self._new_pods(app, tracks)
            if len(pods) >= sum(tracks.values()):
                return pods
            await words.say(title, _there(pods, tracks))
            if not deadline.left:
                raise DeadlineExceeded(f"The gate {title} is still open at the deadline: {_there(pods, tracks)}.")
            await asyncio.sleep(min(_EVERY, deadline.left))

    async def _new_pods(self, app: App, tracks: Mapping[str, int]) -> list[Object]:
        found = (await self._cluster.list("Pod", app.project, labelSelector=selector(app.id)))["items"]
        return [pod for pod in found if track_of(pod["metadata"]["labels"]) in tracks and not leaves(pod)]


@dataclass(frozen=True)
class _Probe:
    """A gate that asks each new instance of the app; `opened` are the ports that the app declares."""

    title: str
    gate: HttpGate
    app: App
    opened: Sequence[int]

    def failed(self, instance: str, badly: Sequence[Evidence], *, answered: bool) -> GateFailed:
        """The error of an instance that answered `badly` so many times; unless it `answered`, the port may be the wrong one."""
        text = (
            f"The gate {self.title} failed: {instance!r} of {self.app.name!r} did not answer "
            f"{self.gate.expect_status or '200 to 399'}, {_in_a_row(badly)}: {_shortened(badly[-1].text)}."
        )
        declared = f"declares {', '.join(map(str, self.opened))}" if self.opened else "declares none"
        hint = (
            f"See in the log of {instance!r} whether the app listens on port {self.gate.port} (it {declared}). Mend the "
            "program, or the gate's port, and roll out again; or go back with rollback."
        )
        return GateFailed(text, hint=None if answered else hint, evidence=badly[-_SHOWN:])


class _Words:
    """What each gate says last, told together as the step's message, once a second: there may be many instances."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._clock = asyncio.get_running_loop().time
        self._next = 0.0

    async def say(self, gate: str, words: str) -> None:
        self._said[gate] = words
        if self._clock() >= self._next:
            self._next = self._clock() + 1.0
            await self.tell_all()

    async def tell_all(self) -> None:
        await tell("; ".join(self._said.values())[:2000])


def _there(pods: Sequence[Object], tracks: Mapping[str, int]) -> str:
    return f"{len(pods)} of {sum(tracks.values())} new instances are there"


def _in_a_row(badly: Sequence[Evidence]) -> str:
    return f"{len(badly)} times in a row since {badly[0].at}" if len(badly) > 1 else f"at {badly[0].at}"


def _shortened(told: str) -> str:
    """The first line of an answer, as part of a sentence."""
    return told.splitlines()[0][:200].rstrip(".")


def _why(gate: MetricGate, samples: Sequence[Sample]) -> str:
    if all(sample.value is None for sample in samples):
        seconds = samples[-1].at - samples[0].at
        return f"{gate.query} has had no data at all for {seconds:.0f} s; check the query, and the app's metricsPort"
    last = "no data" if samples[-1].value is None else f"{samples[-1].value:g}"
    return f"{gate.query} has not been {gate.condition} for {whole(gate.fail_duration)} s, last {last}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
