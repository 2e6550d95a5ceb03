"""Temporal's client: connecting, starting and cancelling operations' workflows, search attributes, links to its UI."""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from model.base import Frozen
from model.controls import Controls, Stop
from model.errors import NotFound, PlatformUnavailable
from model.operations import Ask

PROJECT = SearchAttributeKey.for_keyword("MooringProject")
KIND = SearchAttributeKey.for_keyword("MooringKind")
TARGET = SearchAttributeKey.for_keyword("MooringTarget")
ACTOR = SearchAttributeKey.for_keyword("MooringActor")
STATUS = SearchAttributeKey.for_keyword("MooringStatus")
SEARCH_ATTRIBUTES = (PROJECT, KIND, TARGET, ACTOR, STATUS)

A = TypeVar("A")
CONTROL_SIGNAL = "control"
WAKE_SIGNAL = "wake"
_ATTEMPT = "attempt"
_RPC_TIMEOUT = timedelta(seconds=5)
_MESSAGE = "The platform's workflow service does not answer."


async def connect(address: str, namespace: str, **options: Any) -> Client:
    """Connect with the pydantic data converter; raises PlatformUnavailable."""
    try:
        return await Client.connect(address, namespace=namespace, data_converter=pydantic_data_converter, **options)
    except (RPCError, RuntimeError) as error:
        raise PlatformUnavailable(_MESSAGE) from error


async def declare_search_attributes(client: Client) -> None:
    """Create the search attributes that are missing; idempotent."""
    operator = client.operator_service
    known = await operator.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
    missing = [key.name for key in SEARCH_ATTRIBUTES if key.name not in known.custom_attributes]
    if missing:
        await operator.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace,
                search_attributes=dict.fromkeys(missing, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD),
            )
        )


def attributes_of(kind: str, ask: Ask, status: str) -> TypedSearchAttributes:
    """The search attributes an operation's workflow carries."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(PROJECT, ask.project),
            SearchAttributePair(KIND, kind),
            SearchAttributePair(TARGET, ask.target),
            SearchAttributePair(ACTOR, ask.actor),
            SearchAttributePair(STATUS, status),
        ]
    )


def fairness(project: str) -> Priority:
    """One tenant's queue does not starve another's: the project is Temporal's fairness key (at most 64 bytes)."""
    return Priority(fairness_key=project[:64])


def run_options(kind: str, ask: Ask) -> dict[str, Any]:
    """What every run of an operation's workflow is started with, by the API and by a parent alike.

    A retry runs under the same id, which Temporal allows once the failed run has closed; the memo tells runs of attempts apart.
    """
    return {
        "id_reuse_policy": WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        "search_attributes": attributes_of(kind, ask, "RUNNING"),
        "static_summary": f"{kind} {ask.project}/{ask.target} by {ask.actor}",
        "memo": {_ATTEMPT: ask.attempt},
        "priority": fairness(ask.project),
    }


async def _answered(call: Awaitable[A]) -> A:
    """The reply of one call, in bounded time; raises NotFound, or PlatformUnavailable.

    The call's own timeout does not cover the first connection of a lazy client, whose failure is a bare RuntimeError.
    """
    try:
        async with asyncio.timeout(2 * _RPC_TIMEOUT.total_seconds()):
            return await call
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise NotFound("The workflow service knows no such workflow.") from error
        raise PlatformUnavailable(_MESSAGE) from error
    except (RuntimeError, TimeoutError) as error:
        raise PlatformUnavailable(_MESSAGE) from error


class Run(Frozen):
    """One run of an operation's workflow: Temporal's state ("RUNNING", "TERMINATED", …) and the attempt it carries out."""

    state: str
    attempt: int


class Operations:
    """Starts and cancels the workflows of operations. `queues` maps each kind to its task queue."""

    def __init__(self, client: Client, queues: Mapping[str, str], ui_url: str | None = None) -> None:
        self._client = client
        self._queues = queues
        self._ui_url = ui_url

    def knows(self, kind: str) -> bool:
        """Whether this version of the platform has that kind of operation."""
        return kind in self._queues

    async def start(self, kind: str, workflow_id: str, ask: Ask | Mapping[str, Any]) -> bool:
        """Start the attempt's run; False when a run of that id is open, or completed, already. Idempotent.

        Raises PlatformUnavailable.
        """
        known = Ask.model_validate(dict(ask))
        starting = self._client.start_workflow(
            kind,
            ask,
            id=workflow_id,
            task_queue=self._queues[kind],
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            rpc_timeout=_RPC_TIMEOUT,
            **run_options(kind, known),
        )
        try:
            await _answered(starting)
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def cancel(self, workflow_id: str, stop: Stop | None = None) -> bool:
        """Ask the workflow's open run to cancel, `stop` being why; False when there is none.

        Idempotent: the first reason is the one that counts. Raises PlatformUnavailable.
        """
        reason = stop.model_dump_json() if stop else ""
        try:
            await _answered(self._client.get_workflow_handle(workflow_id).cancel(reason=reason, rpc_timeout=_RPC_TIMEOUT))
        except NotFound:
            return False
        return True

    async def stop(self, row: Mapping[str, Any], stop: Stop | None = None) -> None:
        """Have the operation of that row (kind, workflow_id, run_id, parent_id, ask) end: its open run is cancelled.

        One that waited for a place was never started: it is now, to be cancelled, so that its undos set right what was written when
        it was accepted. A child is its parent's to start. Idempotent. Raises PlatformUnavailable.
        """
        if await self.cancel(row["workflow_id"], stop) or row["run_id"] or row["parent_id"]:
            return
        if await self.start(row["kind"], row["workflow_id"], row["ask"]):
            await self.cancel(row["workflow_id"], stop)

    async def control(self, workflow_id: str, asked: Controls) -> bool:
        """Tell the workflow's open run what is asked of it; False when there is none. Idempotent. Raises PlatformUnavailable."""
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            await _answered(handle.signal(CONTROL_SIGNAL, asked, rpc_timeout=_RPC_TIMEOUT))
        except NotFound:
            return False
        return True

    async def wake(self, workflow_id: str) -> bool:
        """Tell the workflow's open run to look again at what it waits for; False when there is none. Raises PlatformUnavailable."""
        try:
            await _answered(self._client.get_workflow_handle(workflow_id).signal(WAKE_SIGNAL, rpc_timeout=_RPC_TIMEOUT))
        except NotFound:
            return False
        return True

    async def closed(self, workflow_id: str, within: float) -> None:
        """Wait, at most `within` seconds, until the newest run has closed; how it ended, or Temporal's silence, does not matter."""
        handle = self._client.get_workflow_handle(workflow_id)
        with contextlib.suppress(WorkflowFailureError, asyncio.TimeoutError, NotFound, PlatformUnavailable):
            await asyncio.wait_for(_answered(handle.result()), within)

    async def newest_run(self, workflow_id: str) -> Run | None:
        """The newest run of that id, None when Temporal knows none. Raises PlatformUnavailable."""
        try:
            found = await _answered(self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=_RPC_TIMEOUT))
        except NotFound:
            return None
        state = (found.status or WorkflowExecutionStatus.RUNNING).name
        return Run(state=state, attempt=await found.memo_value(_ATTEMPT, 1))

    async def ping(self) -> None:
        """Return if Temporal answers, else raise PlatformUnavailable."""
        await _answered(self._client.service_client.check_health(timeout=timedelta(seconds=2)))

    def link(self, workflow_id: str, run_id: str | None) -> str | None:
        """The workflow's page in Temporal's UI, None where no UI is known."""
        if not self._ui_url:
            return None
        page = f"{self._ui_url}/namespaces/{self._client.namespace}/workflows/{_in_path(workflow_id)}"
        return f"{page}/{run_id}/history" if run_id else page


@functools.lru_cache(10_000)
def _in_path(workflow_id: str) -> str:
    """The id as one part of a path; lists show the same ones again and again."""
    return quote(workflow_id, safe="")
