"""P12: deploy a stack ÷ the critical path of its apps deployed singly, one after another."""

from collections.abc import Callable
from datetime import datetime

from bench.deploying import body
from bench.pairs import Figure, measure
from bench.platform import IMAGE, PROJECT, Platform, profile

# web needs api and cache; api needs store: the critical path is store → api → web.
_PATH = ("store", "api", "web")
_LINKS = {"web": ["api", "cache"], "api": ["store"], "cache": [], "store": []}


# A shell that hears SIGTERM: a plain sleep as the first process would hold every deletion for its whole grace.
_ENDS_AT_ONCE = "sh -c 'trap exit TERM; while :; do sleep 1; done'"


def _compose() -> str:
    services = []
    for name, links in _LINKS.items():
        lines = [
            f"{name}:",
            f"  image: {IMAGE}",
            "  command: sleep 100000",
            "  replicas: 2",
            "  mem_limit: 32m",
            "  cpu_shares: 10",
        ]
        lines += ["  links:", *(f"  - {link}" for link in links)] if links else []
        services.append("\n".join(lines))
    return "\n".join(services) + "\n"


async def p12(platform: Platform, pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P12; both sides leave an empty project behind, untimed."""
    figure = Figure("P12", "stack.deploy of 4 apps ÷ its critical path of 3 deployed singly", 1.1)

    async def ours(pair: int) -> float:
        name = f"p12-{pair}"
        record = await platform.run("POST", f"/v2/composes/{PROJECT}", {"stackInstanceName": name, "content": _compose()})
        figure.profile[:] = profile(record)
        await platform.run("DELETE", f"/v2/composes/{PROJECT}/{name}")
        return _seconds(record)

    async def reference(pair: int) -> float:
        names = [f"p12-{pair}-{app}" for app in _PATH]
        records = [await platform.run("POST", f"/v2/applications/{PROJECT}", body(name)) for name in names]
        for name in names:
            await platform.run("DELETE", f"/v2/applications/{PROJECT}/{name}")
        return sum(_seconds(record) for record in records)

    return await measure(figure, ours, reference, pairs, say)


def _seconds(record: dict[str, str]) -> float:
    """From accepted to settled, by the record's own times, so that the client's polling is on neither side."""
    return (datetime.fromisoformat(record["finishedAt"]) - datetime.fromisoformat(record["createdAt"])).total_seconds()
