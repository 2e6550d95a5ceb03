"""Temporal server as in production, on PostgreSQL, and its web UI."""

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import NamespaceState
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from deploy.local import command, probes, tools, wait
from deploy.local.layout import LOOPBACK, Layout, Port
from deploy.local.part import Part

RETENTION = timedelta(days=7)

# The number of history shards can never change for a database; 4 suit a few cores, more only cost idle queries.
HISTORY_SHARDS = 4

# What the defaults would get in the way of: one project's burst must not starve another (fairness), benchmarks must
# not measure Temporal's rate limits, and new search attributes (a namespace's field) must be usable at once.
DYNAMIC: dict[str, Any] = {
    "matching.enableFairness": True,
    "system.namespaceCacheRefreshInterval": "1s",
    "frontend.rps": 20000,
    "frontend.namespaceRPS": 20000,
    "frontend.namespaceCount": 10000,
    "frontend.namespaceRPS.visibility": 1000,
    "frontend.namespaceRPS.namespaceReplicationInducingAPIs": 100,
    "frontend.rps.namespaceReplicationInducingAPIs": 100,
    "frontend.persistenceMaxQPS": 20000,
    "history.rps": 20000,
    "history.persistenceMaxQPS": 50000,
    "matching.rps": 20000,
    "matching.persistenceMaxQPS": 20000,
    "system.visibilityPersistenceMaxReadQPS": 1000,
    "system.visibilityPersistenceMaxWriteQPS": 1000,
}


@dataclass(frozen=True)
class Database:
    """A PostgreSQL server for Temporal: ours, or the one of the user's DATABASE_URL."""

    host: str
    port: int
    user: str
    password: str
    name: str
    tls: bool = False

    @classmethod
    def beside(cls, url: str) -> "Database":
        """Return databases for Temporal on the server of a database URL, named after that URL's database."""
        parts = urlsplit(url)
        mode = parse_qs(parts.query).get("sslmode", ["prefer"])[0]
        return cls(
            host=parts.hostname or LOOPBACK,
            port=parts.port or 5432,
            user=unquote(parts.username or "postgres"),
            password=unquote(parts.password or ""),
            name=f"{parts.path.strip('/') or 'mooring'}_temporal",
            tls=mode in ("require", "verify-ca", "verify-full"),
        )

    @property
    def visibility(self) -> str:
        return f"{self.name}_visibility"


class Temporal:
    """The embedded Temporal server of one checkout."""

    def __init__(self, layout: Layout, database: Database) -> None:
        self.layout = layout
        self.database = database

    def part(self) -> Part:
        config = self.layout.config / "temporal"
        server, dynamic = config / "server.yaml", config / "dynamic.yaml"
        values = {name: [{"value": value}] for name, value in DYNAMIC.items()}
        binary = tools.TEMPORAL.path(self.layout, "temporal-server")
        return Part(
            name="temporal",
            ports=(Port.TEMPORAL, Port.TEMPORAL_HTTP, Port.TEMPORAL_HISTORY, Port.TEMPORAL_MATCHING, Port.TEMPORAL_WORKER),
            command=(binary, "--config-file", str(server), "--allow-no-auth", "start"),
            ready=self._ready,
            ready_needs=("postgres",),
            config={
                server: yaml.safe_dump(server_config(self.database, str(dynamic)), sort_keys=False),
                dynamic: yaml.safe_dump(values, sort_keys=False),
            },
        )

    def ui(self, address: str, namespace: str) -> Part:
        config = self.layout.config / "temporal-ui"
        settings = {
            "temporalGrpcAddress": address,
            "host": LOOPBACK,
            "port": Port.TEMPORAL_UI,
            "enableUi": True,
            "defaultNamespace": namespace,
            "disableNewsFetch": True,
            "cors": {"cookieInsecure": True, "allowOrigins": [f"http://{LOOPBACK}:{Port.TEMPORAL_UI}"]},
        }
        binary = tools.TEMPORAL_UI.path(self.layout, "temporal-ui")
        return Part(
            name="temporal-ui",
            ports=(Port.TEMPORAL_UI,),
            command=(binary, "--root", str(config), "--config", ".", "--env", "ui", "start"),
            ready=lambda: probes.http_ok(f"http://{LOOPBACK}:{Port.TEMPORAL_UI}/healthz"),
            config={config / "ui.yaml": yaml.safe_dump(settings, sort_keys=False)},
        )

    def _ready(self) -> None:
        asyncio.run(_check_health(f"{LOOPBACK}:{Port.TEMPORAL}"))

    def set_up_schema(self, say: Callable[[str], None]) -> None:
        """Bring both databases to the server's schema; repeatable, each version is applied once.

        Source: Temporal's own SQL tool, with the versioned schema that is built into it.
        """
        for database, schema in ((self.database.name, "temporal"), (self.database.visibility, "visibility")):
            say(f"the {schema} schema")
            self._sql_tool(database, "create-database")
            self._sql_tool(database, "setup-schema", "--version", "0.0")
            self._sql_tool(database, "update-schema", "--schema-name", f"postgresql/v12/{schema}")

    def _sql_tool(self, database: str, *arguments: str) -> None:
        # By environment, so that the password shows in no process list.
        environment = {
            **os.environ,
            "SQL_HOST": self.database.host,
            "SQL_PORT": str(self.database.port),
            "SQL_USER": self.database.user,
            "SQL_PASSWORD": self.database.password,
            "SQL_DATABASE": database,
            "SQL_PLUGIN": "postgres12",
            **({"SQL_TLS": "true", "SQL_TLS_DISABLE_HOST_VERIFICATION": "true"} if self.database.tls else {}),
        }
        binary = tools.TEMPORAL.path(self.layout, "temporal-sql-tool")
        command.run([binary, *arguments], self.layout.logs / "setup.log", environment)


def server_config(database: Database, dynamic: str) -> dict[str, Any]:
    """Return the server's configuration: all four services in one process, on loopback."""
    ports = {
        "frontend": Port.TEMPORAL,
        "history": Port.TEMPORAL_HISTORY,
        "matching": Port.TEMPORAL_MATCHING,
        "worker": Port.TEMPORAL_WORKER,
    }
    services: dict[str, dict[str, Any]] = {
        # The membership port is the RPC port less 300, as in Temporal's own configurations.
        name: {"rpc": {"grpcPort": port, "membershipPort": port - 300, "bindOnLocalHost": True}}
        for name, port in ports.items()
    }
    services["frontend"]["rpc"]["httpPort"] = Port.TEMPORAL_HTTP
    return {
        "log": {"stdout": True, "level": "warn"},
        "persistence": {
            "defaultStore": "default",
            "visibilityStore": "visibility",
            "numHistoryShards": HISTORY_SHARDS,
            "datastores": {
                "default": {"sql": _store(database, database.name, 40)},
                "visibility": {"sql": _store(database, database.visibility, 10)},
            },
        },
        "global": {
            "membership": {"maxJoinDuration": "30s", "broadcastAddress": LOOPBACK},
            "metrics": {"prometheus": {"listenAddress": f"{LOOPBACK}:{Port.TEMPORAL_METRICS}", "timerType": "histogram"}},
        },
        "services": services,
        "clusterMetadata": {
            "enableGlobalNamespace": False,
            "failoverVersionIncrement": 10,
            "masterClusterName": "active",
            "currentClusterName": "active",
            "clusterInformation": {
                "active": {
                    "enabled": True,
                    "initialFailoverVersion": 1,
                    "rpcName": "frontend",
                    "rpcAddress": f"{LOOPBACK}:{Port.TEMPORAL}",
                }
            },
        },
        "dcRedirectionPolicy": {"policy": "noop"},
        "dynamicConfigClient": {"filepath": dynamic, "pollInterval": "10s"},
    }


def _store(database: Database, name: str, connections: int) -> dict[str, Any]:
    store: dict[str, Any] = {
        "pluginName": "postgres12",
        "databaseName": name,
        "connectAddr": f"{database.host}:{database.port}",
        "connectProtocol": "tcp",
        "user": database.user,
        "password": database.password,
        "maxConns": connections,
        "maxIdleConns": connections,
        "maxConnLifetime": "1h",
    }
    if database.tls:
        store["tls"] = {"enabled": True, "enableHostVerification": False}
    return store


async def _check_health(address: str) -> None:
    # A plain connect first: the client's own takes seconds to tell that nobody listens.
    host, port = address.rsplit(":", 1)
    socket.create_connection((host, int(port)), timeout=1).close()
    client = await asyncio.wait_for(Client.connect(address), timeout=3)
    healthy = await client.service_client.check_health(timeout=timedelta(seconds=2))
    wait.require(healthy, "Temporal's frontend does not serve yet")
    # The frontend serves before history does; a namespace is read through both the frontend and its database.
    await _describe(client, "temporal-system")


async def _describe(client: Client, namespace: str) -> int:
    request = DescribeNamespaceRequest(namespace=namespace)
    reply = await client.workflow_service.describe_namespace(request, timeout=timedelta(seconds=3))
    return reply.namespace_info.state


def make_namespace(address: str, namespace: str) -> None:
    """Make the namespace unless it exists, and wait until it can be used; repeatable."""

    async def make() -> None:
        client = await Client.connect(address)
        try:
            await _describe(client, namespace)
        except RPCError as failure:
            if failure.status is not RPCStatusCode.NOT_FOUND:
                raise
            retention = Duration(seconds=int(RETENTION.total_seconds()))
            request = RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
            await client.workflow_service.register_namespace(request)

    async def check() -> None:
        client = await Client.connect(address, namespace=namespace)
        registered = NamespaceState.NAMESPACE_STATE_REGISTERED
        wait.require(await _describe(client, namespace) == registered, "the namespace is not there yet")
        async for _ in client.list_workflows(limit=1):
            break

    wait.until(lambda: asyncio.run(make()), seconds=30)
    wait.until(lambda: asyncio.run(check()), seconds=30)
