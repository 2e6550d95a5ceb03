"""A stack's own state, read off its newest operation and its parts: what runs, what is gone, and what became of the last change."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from model.base import Frozen
from model.operations import TERMINAL, Status


class Gone(Frozen):
    """What the stack has in the version that is wanted, and what was deleted (DELETED) or killed (STOPPED) by itself since."""

    part: str
    kind: str
    name: str
    status: Literal["DELETED", "STOPPED"]

    @property
    def message(self) -> str:
        """What happened to it, and what to do."""
        what = self.name if self.kind == "app" else f"The {self.kind} {self.name}"
        if self.status == "STOPPED":
            return f"{what} is stopped: start it, or upgrade the stack, which starts it too."
        return f"{what} was deleted by itself: upgrade the stack to have it again, or delete the stack."


class Last(Frozen):
    """The newest operation on a stack; `version` is the one it goes to, `result` what it did, or what its way back did."""

    id: str
    kind: str
    status: Status
    version: int = 1
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether it has, well or not."""
        return self.status in TERMINAL

    @property
    def brought_back_to(self) -> int | None:
        """The version to which an upgrade that did not succeed brought the whole stack back; None where none did."""
        failed = self.kind == "stack.upgrade" and self.status in (Status.FAILED, Status.CANCELLED)
        return self.result["version"] if failed and self.result else None


def gone_of(last: Last, found: Iterable[Mapping[str, Any]]) -> list[Gone]:
    """What is `found` to be gone, where the newest operation on the stack has ended and did not delete it."""
    return [Gone.model_validate(one) for one in found] if last.ended and last.kind != "stack.delete" else []


def stack_status(last: Last, gone: Sequence[Gone]) -> str:
    """A stack's own state, by its newest operation: DEPLOYING, UPGRADING, DEPLOYED, FAILED, CANCELLED or DELETING.

    An upgrade that brought the whole stack back leaves it DEPLOYED. PARTIAL is one that was deployed whole, of which something is
    `gone` since.
    """
    if last.kind == "stack.delete":
        return "FAILED" if last.status is Status.FAILED else "DELETING"
    if last.status is Status.SUCCEEDED or last.brought_back_to is not None:
        return "PARTIAL" if gone else "DEPLOYED"
    if last.ended:
        return last.status
    return "UPGRADING" if last.kind == "stack.upgrade" else "DEPLOYING"


def stack_message(last: Last, gone: Sequence[Gone]) -> str:
    """What became of the last change where it did not succeed, what runs now, and what to do; "" where all is as it is to be."""
    return " ".join([*_told(last), *(one.message for one in gone)])


def _told(last: Last) -> list[str]:
    if last.status not in (Status.FAILED, Status.CANCELLED):
        return []
    why = last.error["message"] if last.error else ""
    what = {"stack.deploy": "deploy", "stack.upgrade": "upgrade"}.get(last.kind)
    if what is None:
        return [f"Deleting it did not get done ({last.id}): {why} Retry goes on: POST /v2/operations/{last.id}/retry."]
    change = f"The {what} to version {last.version}" if what == "upgrade" else f"The deploy of version {last.version}"
    if last.brought_back_to is not None:
        how = "failed and was brought back" if last.status is Status.FAILED else "was stopped and brought back"
        return [f"Version {last.brought_back_to} runs. {change} {how} ({last.id}): {why}"]
    if last.status is Status.CANCELLED:
        left = "What it had finished stays as it is."
        return [f"{change} was cancelled ({last.id}). {left} Retry goes on: POST /v2/operations/{last.id}/retry."]
    return [f"{change} failed where it got ({last.id}): {why} Mended, retry goes on: POST /v2/operations/{last.id}/retry."]
