"""Taking finalizers off what was deleted and stays, in a platform admin's name."""

from temporalio import activity

from activities.progress import tell, unchanged
from clients.kubernetes import Cluster
from clients.leftovers import find_object, set_finalizers
from model.errors import Conflict, NotFound
from model.held import ReleaseObject
from model.pods import leaves

_TRIES = 5


class ReleaseActivities:
    """The step of object.release."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    @activity.defn(name="object.take_finalizers")
    async def take_finalizers(self, ask: ReleaseObject) -> list[str]:
        """Take the named finalizers off the object, and no others; returns those that were on it. Idempotent.

        Raises NotFound where there is no such kind of object, and Conflict for one that is not being deleted, or that others change
        all the time.
        """
        for _ in range(_TRIES):
            found = await find_object(self._cluster, ask.project, ask.object)
            if found is None:
                unchanged(f"there is no {ask.object} any more")
                return []
            if not leaves(found):
                raise Conflict(
                    f"{ask.object} in {ask.project!r} is not being deleted, so its finalizers stay.",
                    hint="Delete what it belongs to first; where that is held, its operation names the object.",
                )
            known: list[str] = found["metadata"].get("finalizers") or []
            taken = [name for name in known if name in ask.finalizers]
            if not taken:
                unchanged(f"it has none of them; it has {', '.join(known) or 'no finalizer'}")
                return []
            try:
                await set_finalizers(self._cluster, ask.project, ask.object, found, [n for n in known if n not in taken])
            except (Conflict, NotFound):
                continue  # somebody else changed it at the same moment, or it has gone
            await tell(f"{', '.join(taken)} taken off {ask.object}")
            return taken
        raise Conflict(f"{ask.object} in {ask.project!r} is changed by somebody all the time.", hint="Look who does, then retry.")
