"""`make bench`: the table of ratios on the running platform, and the same as JSON in .local/bench.json."""

import argparse
import asyncio
import json
import os
import platform as machine
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import (
    accepting,
    counted,
    deploying,
    helm,
    idle,
    operation_cost,
    reading,
    resuming,
    scale,
    stacking,
    storms,
    streaming,
    upgrading,
)
from bench.pairs import Figure
from bench.platform import environment, opened
from clients import temporal
from records import connect
from records.migrations import create_database, migrate

ROOT = Path(__file__).parent.parent
console = Console()


async def _figures(chosen: set[str], pairs: int) -> list[Figure]:
    if chosen == {"P15"}:  # which counts on a platform of its own
        return []
    env = environment(ROOT)
    os.environ.update(env)
    # P3's records are nobody's business: they go to a database of their own.
    own_database = env["DATABASE_URL"] + "_bench"
    await create_database(own_database)
    await migrate(own_database)
    records = await connect(own_database)
    client = await temporal.connect(env["TEMPORAL_ADDRESS"], env["TEMPORAL_NAMESPACE"])
    async with opened(env) as platform:
        runs: dict[str, Callable[[], Awaitable[Figure | list[Figure]]]] = {
            "P1": lambda: deploying.p1(platform, env, pairs, console.print),
            "P2": lambda: helm.p2(platform, env, env["HELM"], pairs, console.print),
            "P3": lambda: operation_cost.p3(client, records, pairs, console.print),
            "P5": lambda: operation_cost.p5(client, records, pairs, console.print),
            "P6": lambda: accepting.p6(platform.http, client, env["DATABASE_URL"], pairs, console.print),
            "P7": lambda: reading.p7(env, "one", pairs, console.print),
            "P7 list": lambda: reading.p7(env, "list", pairs, console.print),
            "P9": lambda: streaming.p9(env, pairs, console.print),
            "P10": lambda: upgrading.p10(platform, env, pairs, console.print),
            "P11": lambda: upgrading.p11(platform, env, pairs, console.print),
            "P12": lambda: stacking.p12(platform, pairs, console.print),
            "P18": lambda: resuming.p18(platform, client, env, min(pairs, 3), console.print),
        }
        if await scale.simulated_nodes(env):
            runs["P13"] = lambda: storms.p13(platform, env, min(pairs, 3), console.print)
            runs["P14"] = lambda: scale.p14(platform, env, pairs, console.print)
            runs["P16"] = lambda: storms.p16(platform, 1, console.print)
            runs["P17"] = lambda: idle.p17(platform, env, console.print)
        elif not chosen or chosen & {"P13", "P14", "P15", "P16", "P17"}:
            console.print("P13 to P17 are left out: they need simulated nodes (make up SIMULATED_NODES=3).")
        figures: list[Figure] = []
        for name, run in runs.items():
            if not chosen or name.split()[0] in chosen:
                found = await run()
                figures += [found] if isinstance(found, Figure) else found
                console.print(f"{figures[-1].target}: {figures[-1].ratio:.2f}")
    await records.close()
    return figures


async def _costs(chosen: set[str], sizes: list[int]) -> list[counted.Cost]:
    env = environment(ROOT)
    if (chosen and "P15" not in chosen) or not await scale.simulated_nodes(env):
        return []
    return await counted.p15(env, sizes, console.print)


def _show_costs(costs: list[counted.Cost]) -> None:
    table = Table("P15", "instances", "operation", "requests", "of them", "events", "runs")
    for cost in costs:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(cost["byKind"].items(), key=lambda item: -item[1]))
        numbers = (str(cost[name]) for name in ("events", "runs"))
        table.add_row(cost["type"], str(cost["instances"]), cost["operation"], str(cost["requests"]), kinds, *numbers)
    console.print(table)


def _show(figures: list[Figure]) -> None:
    table = Table("target", "ours ÷ reference", "ratio", "goal", "ours, median", "reference, median", "kept")
    for figure in figures:
        told = figure.as_json()
        goal = f"{'≥' if figure.unit == '/s' else '≤'} {figure.goal}" + (f" or ≤ +{figure.slack} s" if figure.slack else "")
        medians = (_median(told["oursMedian"], figure), _median(told["referenceMedian"], figure))
        table.add_row(figure.target, figure.what, f"{figure.ratio:.2f}", goal, *medians, "yes" if figure.met else "no")
    console.print(table)
    for figure in figures:
        if figure.profile:
            console.print(f"\n{figure.target}: where the last one's time went", *figure.profile, sep="\n  ")


def _median(value: float, figure: Figure) -> str:
    if figure.unit == "/s":
        return f"{value:.0f} /s"
    return f"{value * 1000:.0f} ms" if figure.unit == "s" else f"{value:.2f}"


def main() -> None:
    """Measure, show, write; the exit status says only whether it could be measured."""
    arguments = argparse.ArgumentParser(prog="bench")
    arguments.add_argument("--pairs", type=int, default=7)
    arguments.add_argument("targets", nargs="*", help="such as P1 P15; all when none is named")
    arguments.add_argument("--sizes", type=int, nargs="+", default=list(counted.SIZES), help="numbers of instances of P15")
    given = arguments.parse_args()
    figures = asyncio.run(_figures(set(given.targets), given.pairs))
    costs = asyncio.run(_costs(set(given.targets), given.sizes))
    if figures:
        _show(figures)
    if costs:
        _show_costs(costs)
    written = ROOT / ".local" / "bench.json"
    written.parent.mkdir(exist_ok=True)
    about = {"machine": machine.platform(), "python": sys.version.split()[0], "pairs": given.pairs}
    written.write_text(json.dumps({**about, "figures": [figure.as_json() for figure in figures], "costs": costs}, indent=2))
    console.print(f"\nWritten to {written.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
