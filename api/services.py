"""What the routes need, built once per process and kept on the application's state."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection

from api import grants, seats
from api.lookups import Lookups
from api.notifications import Notifications
from api.recent import Recent
from api.seats import Seats
from clients import kubernetes, metrics, registry, shells, temporal
from clients.catalogue import Catalogue
from clients.cluster_ranges import ClusterRanges
from clients.git import Git, networks
from clients.images import Images
from clients.kubernetes import Cluster
from clients.room import Rooms
from clients.settings import Settings
from clients.shells import Shells
from clients.watch import Watches
from model.access import Actor
from model.capacity import Host
from records import Records, connect
from records.sealing import Seal
from workflows.registry import QUEUES


@dataclass(frozen=True)
class Services:
    """Records and clients of this process; `streams` reaches the cluster over connections that may stay open for long.

    `actors` are people by the hashes of their tokens, `outcomes` what apps have come to since their newest operation, `hosts`
    what the cluster's have, with everybody's shares, `live` how many operations have not ended.
    """

    settings: Settings
    records: Records
    actors: Lookups[bytes, Actor]
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
    images: Images
    catalogue: Catalogue
    rooms: Rooms
    outcomes: Recent[tuple[str | None, dict[str, Any], bool]] = field(default_factory=lambda: Recent(2.0))
    hosts: Recent[list[Host]] = field(default_factory=lambda: Recent(2.0))
    live: Recent[dict[str, int]] = field(default_factory=lambda: Recent(5.0))


@contextlib.asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    """The application's lifespan: open everything, close it at the end."""
    settings = Settings()
    # Lazily: a process that is started while the database is away says so, instead of ending, and the others with it.
    records = await connect(settings.database_url, size=settings.api_pool, seal=Seal.of(settings.mooring_secret_key), lazy=True)
    client = await temporal.connect(settings.temporal_address, settings.temporal_namespace, lazy=True)
    cluster = await kubernetes.connect(settings.kubeconfig)
    streams = await kubernetes.connect(settings.kubeconfig)
    watches = Watches(streams)
    operations = temporal.Operations(client, QUEUES, settings.temporal_ui_url)
    git = Git(networks(settings.mooring_source_allow), ClusterRanges(cluster).have)
    store = metrics.connect(settings.mooring_metrics_url)
    own = registry.connect(settings.mooring_registry)
    found, rooms = Images(own, settings.registries), Rooms(cluster)
    async with (
        Notifications(settings.database_url) as notifications,
        grants.opened(records.people) as held,
        seats.opened(settings.database_url, records.seats, settings.seats) as seated,
        await shells.connect(settings.kubeconfig) as opener,
    ):
        app.state.services = Services(
            settings,
            records,
            Lookups(records.people.actors),
            operations,
            cluster,
            streams,
            watches,
            opener,
            notifications,
            held,
            seated,
            git,
            store,
            found,
            Catalogue(own),
            rooms,
        )
        yield
    await rooms.close()
    await own.close()
    await store.close()
    await watches.close()
    await streams.close()
    await cluster.close()
    await records.close()


async def services(request: HTTPConnection) -> Services:
    """The process's services, for a route; async, since FastAPI hands what is not to a thread, which costs more than a query."""
    found: Services = request.app.state.services
    return found


Using = Annotated[Services, Depends(services)]
