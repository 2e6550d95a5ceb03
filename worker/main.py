"""Builds the worker from settings: activities with their records and clients, workflows from the registry."""

import asyncio
import contextlib
import inspect
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
)
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.app_moves import AppMoves
from activities.apps import AppActivities
from activities.autoscaling import AutoscalingActivities
from activities.builds import BuildActivities
from activities.configs import ConfigActivities
from activities.controls import ControlActivities
from activities.gates import GateActivities
from activities.operations import OperationActivities
from activities.projects import ProjectActivities
from activities.releases import ReleaseActivities
from activities.sources import SourceActivities
from activities.stack_plans import StackPlans
from activities.stacks import StackActivities
from activities.suspensions import Suspensions
from clients import builder, git, kubernetes, metrics, registry, temporal
from clients.cluster_ranges import ClusterRanges
from clients.images import Images
from clients.kubernetes import Cluster
from clients.settings import Settings
from clients.watch import Watches
from model.images import Registries
from records import Records, connect
from records.ids import new_id
from records.sealing import Seal
from worker.admission import Admission
from worker.config_watch import ConfigWatch
from worker.interceptors import BEATS, StepInterceptor
from worker.metrics import served
from workflows.autoscaling import Autoscale
from workflows.reconcile import Reconcile
from workflows.registry import KINDS, QUEUES
from workflows.sources import ExpireSources

log = structlog.get_logger()
_LIBRARIES = ("pydantic", "pydantic_core", "structlog", "prometheus_client")
_PASSED_THROUGH = ("model", "activities", "records", "clients", "worker.metrics", *_LIBRARIES)
SANDBOX = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH))
CONTROL = "control"
SCHEDULED = (Reconcile, Autoscale, ExpireSources)


def activities(
    records: Records,
    cluster: Cluster,
    operations: temporal.Operations,
    sources: git.Git,
    own: registry.Registry,
    registries: Registries,
    engine: builder.Builder,
    workspace: Path,
    watches: Watches,
    store: metrics.Metrics,
    suspensions: Suspensions,
) -> list[Callable[..., Any]]:
    """All activities, bound to what they need."""
    images = Images(own, registries)
    nouns = (
        OperationActivities(records, operations),
        ControlActivities(records),
        ProjectActivities(records, cluster, own),
        ReleaseActivities(cluster),
        AppActivities(records, cluster, images, watches),
        AppMoves(records, cluster, images, watches, operations, suspensions),
        AutoscalingActivities(records, cluster, operations, metrics.PodMetrics(cluster), store),
        GateActivities(records, cluster, store),
        StackPlans(records, cluster),
        StackActivities(records, operations, cluster),
        ConfigActivities(records, cluster),
        SourceActivities(records),
        BuildActivities(records, sources, engine, own, registries, workspace),
    )
    return [
        method
        for noun in nouns
        for _, method in inspect.getmembers(noun, inspect.ismethod)
        if hasattr(method, "__temporal_activity_definition")
    ]


def build(client: Client, queue: str, records: Records, methods: list[Callable[..., Any]], settings: Settings) -> Worker:
    """A worker of one task queue. A plain bug in a workflow fails it instead of retrying its task for ever."""
    heartbeat = timedelta(seconds=settings.mooring_heartbeat_seconds)
    return Worker(
        client,
        task_queue=queue,
        workflows=[*(kind.workflow for kind in KINDS if kind.queue == queue), *SCHEDULED],
        activities=methods,
        interceptors=[StepInterceptor(records, heartbeat)],
        workflow_runner=SANDBOX,
        workflow_failure_exception_types=[Exception],
        max_heartbeat_throttle_interval=heartbeat / BEATS,
        default_heartbeat_throttle_interval=heartbeat / BEATS,
        # Steps mostly wait: those of one tenant's stuck deploys must not keep the others' from starting.
        max_concurrent_activities=1000,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=settings.mooring_sticky_seconds),
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


async def schedule(client: Client, scheduled: type, every: timedelta) -> None:
    """Have a workflow without input run for good, as often as said now; a run that takes longer is not overtaken. Idempotent."""
    name = str(getattr(scheduled, "__temporal_workflow_definition").name)
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(name, id=name, task_queue=CONTROL),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule(name, wanted)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(name).update(lambda _: ScheduleUpdate(schedule=wanted))


async def main() -> None:
    """Run until SIGTERM or SIGINT; running steps get a moment to end and are taken up by the next worker."""
    settings = Settings()
    records = await connect(settings.database_url, seal=Seal.of(settings.mooring_secret_key))
    client = await temporal.connect(settings.temporal_address, settings.temporal_namespace)
    await temporal.declare_search_attributes(client)
    cluster = await kubernetes.connect(settings.kubeconfig)
    operations = temporal.Operations(client, QUEUES, settings.temporal_ui_url)
    own, engine = registry.connect(settings.mooring_registry), builder.connect(settings.docker_host)
    watches = Watches(cluster)
    store = metrics.connect(settings.mooring_metrics_url)
    sources = git.Git(git.networks(settings.mooring_source_allow), ClusterRanges(cluster).have)
    workspace = Path(settings.mooring_state) / "builds"
    suspensions = Suspensions(records, watches, operations, new_id("worker"))
    methods = activities(
        records, cluster, operations, sources, own, settings.registries, engine, workspace, watches, store, suspensions
    )
    await schedule(client, Reconcile, timedelta(seconds=10))
    await schedule(client, Autoscale, timedelta(seconds=settings.mooring_autoscaling_seconds))
    await schedule(client, ExpireSources, timedelta(hours=1))
    await records.admission.set_places({"control": settings.mooring_operations_at_once, "builds": settings.mooring_builds_at_once})
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    queues = sorted({CONTROL, *QUEUES.values()})
    async with contextlib.AsyncExitStack() as running:
        running.enter_context(served(settings.mooring_worker_metrics, suspensions))
        await running.enter_async_context(suspensions.running())
        await running.enter_async_context(Admission(records, operations, settings.database_url).running())
        for queue in queues:
            await running.enter_async_context(build(client, queue, records, methods, settings))
        watching = asyncio.create_task(ConfigWatch(records, cluster, operations).run())
        running.callback(watching.cancel)
        log.info("worker runs", queues=queues)
        await stop.wait()
    await watches.close()
    await store.close()
    await engine.close()
    await own.close()
    await cluster.close()
    await records.close()
