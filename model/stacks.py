"""Stacks: the apps of one deployed document, in every version it had (manual, 应用编排 and compose编排接口; mission D)."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from model.base import Frozen, Input, Number
from model.blueprints import Blueprint, Member
from model.errors import BY_REASON, Evidence, InternalError, MooringError, OperationError
from model.operations import Ask, Status
from model.pod_templates import APP
from model.stack_changes import Action, Change
from model.stack_documents import Kind

STACK_ID = "mooring.io/stack-id"


class NewStack(Input):
    """Body of POST /v2/composes/{project}: the manual's two fields, and more."""

    stack_instance_name: str
    content: str
    cluster: str | None = None
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] | None = None


class StackUpgradeBody(Input):
    """Body of POST …/upgrade: the document, or the version of the template it shall be deployed from (by default the newest)."""

    content: str | None = None
    template_version: Number | None = None
    on_failure: Literal["keep", "rollback"] = "keep"
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] | None = None


class StackRollbackBody(Input):
    """Body of POST …/rollback: to `version`, by default the newest that was deployed before the one in force."""

    version: Number | None = None
    on_failure: Literal["keep", "rollback"] = "keep"
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] | None = None


class Stack(Frozen):
    """A deployed document; `name` is the deployment's, `version` the one that is wanted."""

    id: str
    project: str
    project_id: str
    name: str
    cluster: str
    kind: Kind
    version: int
    template_id: str | None
    created_at: datetime
    created_by: str


class StackVersion(Frozen):
    """One document of a stack; `restores` is the version it goes back to exactly, `status` how deploying it ended.

    One with secrets in it (`secret`) is sealed where it is kept, and only shown to who may read secrets.
    """

    stack_id: str
    number: int
    content: str = Field(repr=False)
    secret: bool = False
    template_version: int | None
    restores: int | None
    created_at: datetime
    created_by: str
    status: Status | None = None


class StackAsk(Ask):
    """Input of every operation on a stack: the stack by reference, never its document."""

    stack_id: str


class DeployStack(StackAsk):
    """Input of stack.deploy; `version` is the one it deploys."""

    version: int = 1


class UpgradeStack(StackAsk):
    """Input of stack.upgrade, which a rollback is too: go to `version` from `before`; `gray` says that an app may go in batches."""

    version: int
    before: int
    on_failure: Literal["keep", "rollback"] = "keep"
    gray: bool = False


class DeleteStack(StackAsk):
    """Input of stack.delete."""


class StackMove(Frozen):
    """An upgrade, and the versions between which it goes now: its own, or, where it goes back, the other way round."""

    ask: UpgradeStack
    version: int
    before: int

    @property
    def goes_back(self) -> bool:
        """Whether it takes back what the upgrade has done."""
        return self.version == self.ask.before


class StackAt(Frozen):
    """A stack in one of its versions."""

    ask: StackAsk
    version: int


class Plan(Frozen):
    """The parts of a stack by name in their order, each with those it comes after; `apps` has what each is called in the project.

    `addresses` has what links to a part resolve to, by name. An upgrade's plan has `changes`, and in `removals` the parts that
    go when all others are done, each with those it goes after; of a group that stays, entries go. `entrances` says that there
    are Ingresses to be made or removed. A way back goes `at_once`, without batches and gates.
    """

    after: dict[str, tuple[str, ...]]
    apps: dict[str, str] = {}
    addresses: dict[str, str] = {}
    removals: dict[str, tuple[str, ...]] = {}
    changes: dict[str, Change] = {}
    at_once: bool = False
    entrances: bool = False

    def app(self, stack: str, part: str) -> str:
        """What the part is called; plans made by an earlier release do not say, and theirs followed one rule."""
        return self.apps.get(part, f"{stack}-{part}")

    def named(self, action: Action) -> list[str]:
        """The things to which that happens."""
        return [change.shown for change in self.changes.values() if change.action is action]


class Part(Frozen):
    """One app or group of a stack, for the step that accepts its child operation; `seconds` is the child's deadline.

    `addresses` has those of the stack's links, `version` the stack's version it is brought to (None: the one that is wanted);
    `at_once` says that it goes back: not in batches, whatever the document says, and what runs to its end is not run again. `left`
    is what the stack's own deadline leaves, which a Job may take.
    """

    ask: StackAsk
    service: str
    seconds: int
    addresses: dict[str, str] = {}
    version: int | None = None
    at_once: bool = False
    left: int = 0

    def lasting(self, seconds: int | None) -> "Part":
        """The part with so much time, where that is left; None changes nothing."""
        return self if seconds is None else self.model_copy(update={"seconds": max(1, min(seconds, self.left or seconds))})


def address_name(stack_id: str, member: str) -> str:
    """The name of the Service whose address a member's aliases stand for."""
    return f"link-{hashlib.sha256(f'{stack_id}/{member}'.encode()).hexdigest()[:20]}"


def addresses_of(stack_id: str, blueprint: Blueprint, services: Iterable[dict[str, Any]]) -> dict[str, str]:
    """By member name the address its links stand for, of those whose Service is among `services`."""
    by_name = {service["metadata"]["name"]: service["spec"]["clusterIP"] for service in services}
    names = {member.name: address_name(stack_id, member.name) for member in blueprint.linked()}
    return {member: by_name[name] for member, name in names.items() if name in by_name}


def link_service(stack: Stack, member: Member) -> dict[str, Any]:
    """The Service whose address a linked member's aliases stand for; it outlives the app's own, so a kill and start keep it."""
    labels = {"app.kubernetes.io/managed-by": "mooring", "app.kubernetes.io/name": member.app, STACK_ID: stack.id}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": address_name(stack.id, member.name), "namespace": stack.project, "labels": labels},
        "spec": {
            "type": "ClusterIP",
            "selector": {APP: member.app},
            "ports": [
                {
                    "name": f"{answer.protocol}-{answer.port}",
                    "protocol": answer.protocol.upper(),
                    "port": answer.port,
                    "targetPort": answer.target,
                }
                for answer in member.answers
            ],
        },
    }


def failure(failed: dict[str, tuple[str | None, OperationError]], left: list[str]) -> MooringError:
    """Why a stack's operation failed: the first failed app's own reason, with every failed child's operation as evidence.

    `failed` has, by app name ("configmap name" for a group), the child operation's id where there is one and its error; `left`
    what was not begun.
    """
    first, (_, error) = next(iter(failed.items()))
    kind = BY_REASON.get(error.reason, InternalError)
    what = first if " " in first else f"app {first}"
    seen = [
        Evidence(type="operation", source=operation or app, text=f"{app}: {told.reason}: {told.message}")
        for app, (operation, told) in failed.items()
    ]
    others = f" {len(failed) - 1} more failed: {', '.join(list(failed)[1:])}." if len(failed) > 1 else ""
    waiting = f" Not begun, because they depend on it: {', '.join(left)}." if left else ""
    hint = f"{error.hint} Retrying this operation goes on from {first}; what is ready already stays as it is."
    return kind(f"The {what} failed: {error.message}{others}{waiting}", hint=hint, evidence=[*seen, *error.evidence])


def brought_back(first: OperationError, version: int) -> MooringError:
    """Why an upgrade failed that has brought the whole stack back to `version`: the failure's own reason."""
    hint = "Mend the cause, then upgrade again; retrying this operation runs the same upgrade again."
    message = f"{first.message} The whole stack was brought back to version {version}."
    return BY_REASON.get(first.reason, InternalError)(message, hint=hint, evidence=[*first.evidence])


def failed_twice(first: OperationError, second: OperationError, version: int) -> MooringError:
    """Why an upgrade failed whose way back to `version` failed too: the first failure's own reason."""
    seen = [Evidence(type="step", source="rollback", text=f"{second.reason}: {second.message}"), *second.evidence]
    message = f"{first.message} Going back to version {version} failed too: {second.message}"
    return BY_REASON.get(first.reason, InternalError)(message, hint=second.hint, evidence=[*first.evidence, *seen])
