"""The autoscaler's pass: everything is measured once, each app is judged, and what is due is accepted as operations."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from temporalio import activity

from clients.kubernetes import Cluster, Object
from clients.metrics import Metrics, PodMetrics
from clients.temporal import Operations
from model.apps import App, AppPhase, ScaleApp
from model.autoscaler import Look, Measured, OperationSeen, Watched, look, put_off, request_of
from model.autoscaling import Scale
from model.base import Body, Frozen
from model.errors import Conflict, Invalid, MetricsUnavailable, NoMetricsStore, NotFound, PlatformUnavailable
from model.layouts import resized
from model.manifests import APP_ID, MANAGED, app_label
from model.operations import AUTOSCALER, Target, workflow_id
from model.scaling import Memory
from model.scaling_metrics import Use
from records import Records
from records.autoscaling import Note
from records.ids import new_id
from records.operations import NewOperation
from records.pauses import ScalingInPause, scaling_in_pause
from records.store import Row

log = structlog.get_logger()
_AT_ONCE = 10  # a project's queries asked, and operations started, side by side
_TO_ASK = 20.0  # seconds that all queries have together: within them one project's slow ones hold up nobody else's
_UNKNOWN = (MetricsUnavailable, NoMetricsStore, Invalid)
_KIND = "app.scale"


class Passed(Frozen):
    """What one pass did, in numbers of apps."""

    looked: int = 0
    started: int = 0


class AutoscalingActivities:
    """What the autoscaler's workflow does: one activity, so that no measurement goes through its history."""

    def __init__(
        self, records: Records, cluster: Cluster, operations: Operations, pod_metrics: PodMetrics, metrics: Metrics
    ) -> None:
        self._records = records
        self._cluster = cluster
        self._operations = operations
        self._pod_metrics = pod_metrics
        self._metrics = metrics

    @activity.defn(name="autoscaling.run_pass")
    async def run_pass(self) -> Passed:
        """Judge every live app that has a policy and start the operations that are due; nothing is sent where there is none.

        Idempotent by the workflow's run: tried again it leaves what it has judged and accepted. One request reads the pods, one
        their metrics, one each query; what cannot be measured is told on each app, and nothing is taken away for it. Raises
        ClusterUnreachable and PlatformUnavailable, transient.
        """
        run = activity.info().workflow_run_id or ""
        rows = await self._records.autoscaling.to_evaluate(run)
        if not rows:
            return Passed()
        apps = {app.id: app for app in await self._records.apps.by_ids([row["app_id"] for row in rows])}
        pairs = [(_watched(row, apps[row["app_id"]]), row) for row in rows]
        measured = await self._measure([(apps[watched.app_id], watched.scale) for watched, _ in pairs])
        now = datetime.now(UTC)
        places = asyncio.Semaphore(_AT_ONCE)

        async def act(row: Row, found: Look) -> Note | None:
            async with places:
                return await self._act(run, row, apps[row["app_id"]], found, now)

        notes, due = [], []
        for watched, row in pairs:
            found = look(watched, measured[watched.app_id], now)
            if found.wanted is None:
                notes.append(_note(row, found))
            else:
                due.append(act(row, found))
            await asyncio.sleep(0)  # it is plain reckoning: between two apps the worker's other steps have their turn
        refused = [note for note in await asyncio.gather(*due) if note]
        await self._records.autoscaling.note(run, [*notes, *refused], now)
        return Passed(looked=len(rows), started=len(due) - len(refused))

    async def _measure(self, apps: Sequence[tuple[App, Scale]]) -> dict[str, Measured]:
        """What each app uses, by AppID; all of it read once."""
        pods, uses, values = await asyncio.gather(
            self._pods(), self._uses(apps), self._values({(app.project, m.query) for app, scale in apps for m in scale.metrics})
        )
        found = {}
        for app, scale in apps:
            label = app_label(app.id)
            found[app.id] = Measured(
                pods=pods.get(label, []),
                uses=uses if isinstance(uses, str) else uses.get(label, {}),
                values={m.query: values[app.project, m.query] for m in scale.metrics},
            )
        return found

    async def _pods(self) -> dict[str, list[Object]]:
        """All pods of the platform's apps, by the app's label, as the API server has them in its cache."""
        found: dict[str, list[Object]] = defaultdict(list)
        for pod in (await self._cluster.list("Pod", labelSelector=MANAGED, resourceVersion="0"))["items"]:
            found[pod["metadata"]["labels"].get(APP_ID, "")].append(pod)
        return found

    async def _uses(self, apps: Sequence[tuple[App, Scale]]) -> dict[str, dict[str, Use]] | str:
        """What the pods use, by the app's label and the pod's name; a text where that cannot be had."""
        found: dict[str, dict[str, Use]] = defaultdict(dict)
        if all(scale.target_cpu_utilization is None for _, scale in apps):
            return found
        try:
            for pod in await self._pod_metrics.usage():
                use = Use(millicores=pod.cpu * 1000, at=pod.at, window=timedelta(seconds=pod.window))
                found[pod.labels.get(APP_ID, "")][pod.pod] = use
        except _UNKNOWN as error:
            return error.message
        return found

    async def _values(self, queries: set[tuple[str, str]]) -> Mapping[tuple[str, str], float | str | None]:
        """Each query's value in its project; a text where there is none that can be used."""
        places: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))
        until = asyncio.get_running_loop().time() + _TO_ASK

        async def asked(project: str, query: str) -> float | str | None:
            try:
                async with asyncio.timeout_at(until), places[project]:
                    return await self._metrics.query(query, project)
            except TimeoutError:
                return f"the metrics store did not answer within {_TO_ASK:g} s"
            except _UNKNOWN as error:
                return error.message

        chosen = sorted(queries)
        return dict(zip(chosen, await asyncio.gather(*(asked(*one) for one in chosen)), strict=True))

    async def _act(self, run: str, row: Row, app: App, found: Look, now: datetime) -> Note | None:
        """Accept and start the operation that is due; None when it is, else what is to be noted because somebody was quicker."""
        try:
            new = await self._accept(run, row, app, found, now)
        except (Conflict, NotFound) as error:  # NotFound: the project is gone
            put = put_off(found.evaluation, error.message, error.operation_id)
            return Note(app_id=app.id, policy_id=row["policy_id"], memory=row["memory"], evaluation=_json(put))
        if new is not None:
            try:
                await self._operations.start(_KIND, new.workflow_id, new.ask)
            except PlatformUnavailable:
                log.warning("not started yet; the reconciler will", operation=new.ask.operation_id)
        return None

    async def _accept(self, run: str, row: Row, app: App, found: Look, now: datetime) -> NewOperation | None:
        """The accepted operation, in one transaction with what is remembered; None when this pass has been here before.

        Raises Conflict when the app is held, was changed since it was judged, or its project is being deleted.
        """
        async with self._records.transaction() as tx:
            await tx.projects.hold(app.project)
            await tx.apps.hold(app.project_id, app.name)
            if not await tx.autoscaling.claim(run, _note(row, found), now):
                return None
            if await tx.apps.by_id(app.id) != app or app.phase is not AppPhase.LIVE:
                raise Conflict(f"{app.name!r} was changed a moment ago.")
            before = await tx.apps.keep_layout(app.id, app.layout)
            assert found.wanted is not None
            free = await scaling_in_pause(tx, app, app.layout.total + found.wanted - app.layout.running)
            after = await tx.apps.keep_layout(app.id, free.after if free else resized(app.layout, found.wanted))
            new = _operation(app, found, before, after, free)
            await tx.operations.accept(new)
            if free:
                await tx.operations.tell_scaling(free.upgrade, AUTOSCALER, f"by autoscaling, {free.words}")
            return new


def _operation(app: App, found: Look, before: int, after: int, free: ScalingInPause | None) -> NewOperation:
    assert found.wanted is not None
    operation_id = new_id("op")
    ask = ScaleApp(
        operation_id=operation_id,
        project=app.project,
        target=app.name,
        actor=AUTOSCALER,
        app_id=app.id,
        # Within an upgrade the number is of all instances, the killed ones of a TApp too: the upgrade keeps to that.
        replicas=free.after.total if free else found.wanted,
        before=before,
        after=after,
        **(free.fields(app.layout.total) if free else {}),
    )
    return NewOperation(
        kind=_KIND,
        target=Target(kind="app", name=app.name, id=app.id),
        project_id=app.project_id,
        ask=ask,
        workflow_id=workflow_id(_KIND, app.project, app.name, operation_id),
        cancellable=True,
        preempts=False,
        request=request_of(found),
    )


def _watched(row: Row, app: App) -> Watched:
    return Watched(
        app_id=app.id,
        scale=Scale.model_validate(row["policy"]),
        memory=Memory.model_validate(row["memory"]) if row["memory"] else None,
        running=app.layout.running,
        holder=_seen(row, "holder"),
        newest=_seen(row, "newest"),
    )


def _seen(row: Row, which: str) -> OperationSeen | None:
    found = {field: row[f"{which}_{field}"] for field in OperationSeen.model_fields}
    return OperationSeen(**found) if found["id"] else None


def _note(row: Row, found: Look) -> Note:
    memory = found.memory.model_dump(mode="json")
    return Note(app_id=row["app_id"], policy_id=row["policy_id"], memory=memory, evaluation=_json(found.evaluation))


def _json(evaluation: Body) -> dict[str, Any]:
    return evaluation.model_dump(mode="json", by_alias=True)
