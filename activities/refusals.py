"""Whether the cluster refuses an app's pods now: what its controllers told may be of long ago, so they are had try again."""

import re
from collections.abc import Collection

from activities.workloads import Workloads
from model.apps import App
from model.base import Frozen
from model.pod_templates import Object

_BEGINS = re.compile(r"(\(combined from similar events\): )?(Error creating: )?")  # what the controllers put before the words


class Refusal(Frozen):
    """In the cluster's words why it does not take further pods, "" where it does; `again` says that it was asked anew."""

    words: str = ""
    again: bool = False


_ASKED_AGAIN = 3  # of them all, however many a general service has: one newer refusal is enough


class Refusals:
    """What was told of one app in one move; an event that was there at the first look proves nothing, a newer one does."""

    def __init__(self, workloads: Workloads, app: App) -> None:
        self._workloads = workloads
        self._app = app
        self._known: str | None = None

    async def look(self, kind: str, makers: Collection[Object], words: str = "") -> Refusal:
        """The newest refusal that objects of `kind` tell of, `words` where their event is gone; one request or two. Idempotent."""
        event = await self._workloads.refused(self._app, kind, makers)
        if event is None and not words:
            return Refusal()
        told = _BEGINS.sub("", event.get("message", ""), count=1) if event else words
        mark = event["metadata"]["resourceVersion"] if event else ""
        if self._known is None:
            self._known = mark
            await self._workloads.ask_again(self._app, kind, list(makers)[:_ASKED_AGAIN])
            return Refusal(words=told)
        return Refusal(words=told, again=event is not None and mark != self._known)
