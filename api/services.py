"""What the routes need, built once per process and kept on the application's state."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection

from api import grants
from api.notifications import Notifications
from api.seats import Seats
from clients import kubernetes, metrics, shells, temporal
from clients.git import Git, networks
from clients.kubernetes import Cluster
from clients.settings import Settings
from clients.shells import Shells
from clients.watch import Watches
from records import Records, connect
from records.sealing import Seal
from workflows.registry import QUEUES


@dataclass(frozen=True)
class Services:
    """Records and clients of this process; `streams` reaches the cluster over connections that may stay open for long."""

    settings: Settings
    records: Records
    operations: temporal.Operations
    cluster: Cluster
    streams: Cluster
    watches: Watches
    shells: Shells
    notifications: Notifications
    grants: grants.Grants
    seats: Seats
    git: Git
    metrics: metrics.Metrics


@contextlib.asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    """The application's lifespan: open everything, close it at the end."""
    settings = Settings()
    records = await connect(settings.database_url, seal=Seal.of(settings.mooring_secret_key))
    client = await temporal.connect(settings.temporal_address, settings.temporal_namespace, lazy=True)
    cluster = await kubernetes.connect(settings.kubeconfig)
    streams = await kubernetes.connect(settings.kubeconfig)
    watches = Watches(streams)
    operations = temporal.Operations(client, QUEUES, settings.temporal_ui_url)
    git = Git(networks(settings.mooring_source_allow))
    store = metrics.connect(settings.mooring_metrics_url)
    async with (
        Notifications(settings.database_url) as notifications,
        grants.opened(records.people) as held,
        await shells.connect(settings.kubeconfig) as opener,
    ):
        app.state.services = Services(
            settings, records, operations, cluster, streams, watches, opener, notifications, held, Seats(), git, store
        )
        yield
    await store.close()
    await watches.close()
    await streams.close()
    await cluster.close()
    await records.close()


def services(request: HTTPConnection) -> Services:
    """The process's services, for a route."""
    found: Services = request.app.state.services
    return found


Using = Annotated[Services, Depends(services)]
