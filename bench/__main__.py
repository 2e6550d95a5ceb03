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

from bench import accepting, deploying, operation_cost, stacking, upgrading
from bench.pairs import Figure
from bench.platform import environment, opened
from clients import temporal
from records import connect
from records.migrations import create_database, migrate

ROOT = Path(__file__).parent.parent
console = Console()


async def _figures(chosen: set[str], pairs: int) -> list[Figure]:
    env = environment(ROOT)
    os.environ.update(env)
    # P3's records are nobody's business: they go to a database of their own.
    own_database = env["DATABASE_URL"] + "_bench"
    await create_database(own_database)
    await migrate(own_database)
    records = await connect(own_database)
    client = await temporal.connect(env["TEMPORAL_ADDRESS"], env["TEMPORAL_NAMESPACE"])
    async with opened(env) as platform:
        runs: dict[str, Callable[[], Awaitable[Figure]]] = {
            "P1": lambda: deploying.p1(platform, env, pairs, console.print),
            "P3": lambda: operation_cost.p3(client, records, pairs, console.print),
            "P6": lambda: accepting.p6(platform.http, client, env["DATABASE_URL"], pairs, console.print),
            "P10": lambda: upgrading.p10(platform, env, pairs, console.print),
            "P11": lambda: upgrading.p11(platform, env, pairs, console.print),
            "P12": lambda: stacking.p12(platform, pairs, console.print),
        }
        figures = [await run() for name, run in runs.items() if not chosen or name in chosen]
    await records.close()
    return figures


def _show(figures: list[Figure]) -> None:
    table = Table("target", "ours ÷ reference", "ratio", "goal", "ours, median", "reference, median", "kept")
    for figure in figures:
        told = figure.as_json()
        goal = f"≤ {figure.goal}" + (f" or ≤ +{figure.slack} s" if figure.slack else "")
        medians = (f"{told['oursMedianSeconds'] * 1000:.0f} ms", f"{told['referenceMedianSeconds'] * 1000:.0f} ms")
        table.add_row(figure.target, figure.what, f"{figure.ratio:.2f}", goal, *medians, "yes" if figure.met else "no")
    console.print(table)
    for figure in figures:
        if figure.profile:
            console.print(f"\n{figure.target}: where the last one's time went", *figure.profile, sep="\n  ")


def main() -> None:
    """Measure, show, write; the exit status says only whether it could be measured."""
    arguments = argparse.ArgumentParser(prog="bench")
    arguments.add_argument("--pairs", type=int, default=7)
    arguments.add_argument("targets", nargs="*", help="P1 P3 P6 P10 P11 P12; all when none is named")
    given = arguments.parse_args()
    figures = asyncio.run(_figures(set(given.targets), given.pairs))
    _show(figures)
    written = ROOT / ".local" / "bench.json"
    about = {"machine": machine.platform(), "python": sys.version.split()[0], "pairs": given.pairs}
    written.write_text(json.dumps({**about, "figures": [figure.as_json() for figure in figures]}, indent=2))
    console.print(f"\nWritten to {written.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
