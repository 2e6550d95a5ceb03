"""An instance of Mooring of a test process's own: database and Temporal namespace on the shared servers."""

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from cryptography.fernet import Fernet
from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.operatorservice.v1 import DeleteNamespaceRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError
from temporalio.worker import Worker

from clients import temporal
from records import connect
from records.migrations import create_database, migrate
from tests.platform import eventually, unique

_PLACES = 1000  # many tests accept what nobody carries out
TOKEN = "mrg_the-admin-of-this-instance"


@dataclass(frozen=True)
class Instance:
    """Where its records and its workflows are; the process's environment says the same, for Settings()."""

    database_url: str
    client: Client


@contextlib.asynccontextmanager
async def temporal_namespace() -> AsyncIterator[Client]:
    """A new namespace with the search attributes, removed at the end."""
    name = unique("mooring-test")
    client = await temporal.connect(os.environ["TEMPORAL_ADDRESS"], name)
    request = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86_400))
    await client.workflow_service.register_namespace(request)
    try:
        await temporal.declare_search_attributes(client)
        await eventually(lambda: _takes_workflows(client), f"the Temporal namespace {name} takes workflows")
        yield client
    finally:
        await client.operator_service.delete_namespace(DeleteNamespaceRequest(namespace=name))


@contextlib.asynccontextmanager
async def database() -> AsyncIterator[str]:
    """The URL of a new, migrated database whose admin has TOKEN, removed at the end."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    name = unique("mooring_test").replace("-", "_")
    url = urlunsplit(parts._replace(path=f"/{name}"))
    await create_database(url)
    try:
        await migrate(url)
        records = await connect(url, size=1)
        await records.people.ensure_admin("admin", TOKEN)
        await records.admission.set_places({"control": _PLACES, "builds": _PLACES})
        await records.close()
        yield url
    finally:
        admin = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


@contextlib.asynccontextmanager
async def own_instance() -> AsyncIterator[Instance]:
    """Database and namespace together; the environment names them meanwhile."""
    async with database() as url, temporal_namespace() as client:
        before = dict(os.environ)
        key = Fernet.generate_key().decode()
        os.environ.update(DATABASE_URL=url, TEMPORAL_NAMESPACE=client.namespace, MOORING_TOKEN=TOKEN, MOORING_SECRET_KEY=key)
        os.environ.update(MOORING_OPERATIONS_AT_ONCE=str(_PLACES))
        try:
            yield Instance(url, client)
        finally:
            os.environ.clear()
            os.environ.update(before)


@workflow.defn(name="probe", sandboxed=False)
class _Probe:
    @workflow.run
    async def run(self) -> None:
        workflow.upsert_search_attributes([temporal.STATUS.value_set("RUNNING")])


async def _takes_workflows(client: Client) -> bool:
    """Whether all of the server knows the search attributes by now: its services read them anew every now and then."""
    async with Worker(client, task_queue="probe", workflows=[_Probe]):
        try:
            await client.execute_workflow(
                _Probe.run,
                id="probe",
                task_queue="probe",
                task_timeout=timedelta(seconds=1),
                search_attributes=TypedSearchAttributes([SearchAttributePair(temporal.STATUS, "ACCEPTED")]),
            )
        except RPCError:
            return False
    return True
