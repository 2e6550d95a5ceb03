"""`python -m bench.endurance`: what the platform does when everybody comes at once, or for an hour; on simulated nodes.

A simulated node takes 500 instances: a storm of 2000 needs five (make up SIMULATED_NODES=5).

storm 2000 --faults   so many app.create at once, with the worker killed, Temporal frozen and PostgreSQL restarted among them
waiting 5000          so many apps that never become ready: what they cost, what a deploy beside them takes, and their cancelling
mixed 3600            random operations for so many seconds, more than the platform bears, with the same faults; then quiet
"""

import argparse
import asyncio
import json
import os
import sys

from bench.endurance import mixed, storm, waiting
from bench.endurance.load import opened
from bench.platform import ROOT, environment
from bench.scale import simulated_nodes


async def _run(arguments: argparse.Namespace) -> dict[str, object]:
    env = environment(ROOT)
    os.environ.update(env)
    if not await simulated_nodes(env):
        sys.exit("It needs simulated nodes, of 500 instances each: make up SIMULATED_NODES=5")
    async with opened(env) as load:
        if arguments.what == "storm":
            return await storm.storm(load, env, arguments.amount, faults=arguments.faults)
        if arguments.what == "waiting":
            return await waiting.waiting(load, env, arguments.amount)
        return await mixed.mixed(load, env, arguments.amount)


def main() -> None:
    """Run one, tell its figures as JSON; status 1 where something was left that should not be."""
    arguments = argparse.ArgumentParser(prog="bench.endurance", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("what", choices=("storm", "waiting", "mixed"))
    arguments.add_argument("amount", type=int)
    arguments.add_argument("--faults", action="store_true", help="of a storm: parts of the platform fail in the middle of it")
    found = asyncio.run(_run(arguments.parse_args()))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
