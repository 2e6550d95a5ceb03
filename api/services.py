"""What the routes need, built once per process and kept on the application's state."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from api.notifications import Notifications
from clients import kubernetes, temporal
from clients.git import Git, networks
from clients.kubernetes import Cluster
from clients.settings import Settings
from records import Records, connect
from workflows.registry import QUEUES


@dataclass(frozen=True)
class Services:
    """Records and clients of this process."""

    settings: Settings
    records: Records
    operations: temporal.Operations
    cluster: Cluster
    notifications: Notifications
    git: Git


@contextlib.asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    """The application's lifespan: open everything, close it at the end."""
    settings = Settings()
    records = await connect(settings.database_url)
    client = await temporal.connect(settings.temporal_address, settings.temporal_namespace, lazy=True)
    cluster = await kubernetes.connect(settings.kubeconfig)
    operations = temporal.Operations(client, QUEUES, settings.temporal_ui_url)
    git = Git(networks(settings.mooring_source_allow))
    async with Notifications(settings.database_url) as notifications:
        app.state.services = Services(settings, records, operations, cluster, notifications, git)
        yield
    await cluster.close()
    await records.close()


def services(request: Request) -> Services:
    """The process's services, for a route."""
    found: Services = request.app.state.services
    return found


Using = Annotated[Services, Depends(services)]
