"""What a view knows between two reads: news by the shared watch and our own writes, never older than what it knows."""

from typing import Any

from activities.views import View
from clients.watch import Changed

Object = dict[str, Any]


def thing(name: str, version: int, of: str = "web", track: str = "main") -> Object:
    labels = {"of": of, "mooring.io/track": track}
    return {"metadata": {"name": name, "resourceVersion": str(version), "labels": labels}}


class Listing:
    """A cluster that is read; `reads` counts."""

    def __init__(self, version: int, *items: Object) -> None:
        self.version, self.items, self.reads = version, list(items), 0

    async def __call__(self) -> Object:
        self.reads += 1
        return {"metadata": {"resourceVersion": str(self.version)}, "items": self.items}


async def seen(listing: Listing) -> tuple[View, Changed]:
    view = View("Deployment", listing, lambda item: item["metadata"]["labels"]["of"] == "web")
    view.hints = Changed()
    await view.look(fresh=True)
    assert view.fresh
    return view, view.hints


def versions(view: View) -> dict[str, str]:
    return {name: item["metadata"]["resourceVersion"] for name, item in view.objects.items()}


async def test_what_the_watch_tells_costs_no_request() -> None:
    listing = Listing(5, thing("web", 4))
    view, hints = await seen(listing)
    for event in ("MODIFIED", thing("web", 6)), ("ADDED", thing("web-r2", 7)), ("ADDED", thing("other", 8, of="api")):
        hints.set({"type": event[0], "object": event[1]})
    await view.look(fresh=False)
    assert (versions(view), view.fresh, listing.reads) == ({"web": "6", "web-r2": "7"}, False, 1)
    hints.set({"type": "DELETED", "object": thing("web", 9)})
    await view.look(fresh=False)
    assert versions(view) == {"web-r2": "7"}


async def test_what_is_older_than_a_read_or_a_write_of_ours_is_passed_over() -> None:
    view, hints = await seen(Listing(5, thing("web", 4)))
    view.learn(thing("web", 9))
    for late in ({"type": "MODIFIED", "object": thing("web", 7)}, {"type": "ADDED", "object": thing("gone", 3)}):
        hints.set(late)
    await view.look(fresh=False)
    assert versions(view) == {"web": "9"}
    hints.set({"type": "DELETED", "object": thing("web", 8)})
    await view.look(fresh=False)
    assert versions(view) == {"web": "9"}


async def test_where_something_may_have_been_missed_it_is_read() -> None:
    listing = Listing(5, thing("web", 4))
    view, hints = await seen(listing)
    hints.set()
    hints.set({"type": "MODIFIED", "object": thing("web", 7)})
    listing.version, listing.items = 8, [thing("web", 8)]
    await view.look(fresh=False)
    assert (versions(view), view.fresh, listing.reads) == ({"web": "8"}, True, 2)
    await view.look(fresh=False)
    assert (view.fresh, listing.reads) == (False, 2)


async def test_nothing_is_kept_for_a_subscriber_that_only_waits() -> None:
    hints = Changed()
    for number in range(3):
        hints.set({"type": "ADDED", "object": thing(f"web-{number}", number + 1)})
        assert await hints.wait(1)
    assert hints.take() is None
    hints.set({"type": "ADDED", "object": thing("web", 9)})
    assert [event["object"]["metadata"]["name"] for event in hints.take() or []] == ["web"]
