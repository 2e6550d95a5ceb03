"""Why an operation failed, as its record tells it."""

from typing import Any, Literal

from model.base import Body
from model.causes import Cause
from model.evidence import Evidence

Fault = Literal["user", "quota", "platform", "cluster", "outside"]
_LONGEST_DEADLINE = 86400


class OperationError(Body):
    """Why an operation failed, as its record tells it (mission A2); `cause` where several lead to the same reason."""

    code: int
    reason: str
    cause: Cause | None = None
    message: str
    fault: Fault
    retryable: bool
    evidence: list[Evidence] = []
    hint: str

    def of(self, operation_id: str, deadline_seconds: int) -> "OperationError":
        """The error as the operation of that id and deadline tells it: its hint names the request, not a place for it."""
        more = str(min(2 * deadline_seconds, _LONGEST_DEADLINE))
        return self.model_copy(update={"hint": self.hint.replace("{id}", operation_id).replace("{more}", more)})


NOT_RECORDED: dict[str, Any] = {
    name: field.get_default() for name, field in OperationError.model_fields.items() if not field.is_required()
}
"""What an error is shown with where it was recorded by a release that had no such field yet."""
