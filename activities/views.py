"""What is known of an app's objects without reading them again: the last read, what the watch told since, what we wrote."""

from collections.abc import Awaitable, Callable

from clients.kubernetes import Object
from clients.watch import Changed
from model.pod_templates import track_of

SAFETY_NET = 10.0  # seconds without a hint after which it is read all the same
_Listing = Callable[[], Awaitable[Object]]


class View:
    """The objects of one kind that an app has, by name, as they were last seen.

    What is older than what is known is passed over: resource versions grow (Kubernetes: API Concepts, Resource versions). Good
    enough to act by, since what a controller has not taken up yet shows by the generation; what is done is judged by a read.
    """

    def __init__(self, kind: str, listing: _Listing, belongs: Callable[[Object], bool]) -> None:
        self.kind = kind
        self.objects: dict[str, Object] = {}
        self.fresh = False
        self.hints: Changed | None = None
        self._listing = listing
        self._belongs = belongs
        self._read_at = 0

    @property
    def by_track(self) -> dict[str, Object]:
        """The workloads by track."""
        return {track_of(item["metadata"]["labels"]): item for item in self.objects.values()}

    async def look(self, *, fresh: bool) -> None:
        """Take up what the watch told, or read where that is asked for, or may have missed something; one request at most."""
        news = self.hints.take() if self.hints else None
        self.fresh = fresh or news is None
        if news is None or fresh:
            listed = await self._listing()
            self._read_at = _age(listed)
            self.objects = {item["metadata"]["name"]: item for item in listed["items"] if self._belongs(item)}
            return
        for event in news:
            if event["type"] == "DELETED":
                self._forget(event["object"])
            else:
                self.learn(event["object"])

    def learn(self, item: Object) -> None:
        """Take up an object as the cluster has just told it."""
        if self._belongs(item) and self._is_news(item):
            self.objects[item["metadata"]["name"]] = item

    def _forget(self, item: Object) -> None:
        if self._is_news(item):
            self.objects.pop(item["metadata"]["name"], None)

    def _is_news(self, item: Object) -> bool:
        known = self.objects.get(item["metadata"]["name"])
        return _age(item) > max(self._read_at, _age(known) if known else 0)


def _age(item: Object) -> int:
    return int(item["metadata"]["resourceVersion"])
