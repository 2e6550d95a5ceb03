"""What joins the platform by itself once it is built: `make up` does not wait for it, `make status` shows it.

`make up` leaves it to a process of its own, which ends when the parts run. It carries the marks of a part, so that `make up`
and `make down` find it, together with the compilers it has started.
"""

import os
import subprocess

import psutil

from deploy.local import processes, tools
from deploy.local.layout import Layout, program

PART = "later"
# What `make up` itself runs (compilers, package managers): it outlives a `make up` that was killed.
SETUP = "setup"
# Part -> what it is built from.
PARTS = {"metrics-store": tools.VICTORIA_METRICS, "metrics-server": tools.METRICS_SERVER}
_GRACE = 3.0


def begin(layout: Layout) -> None:
    """Start bringing these parts up in the background, at a low priority; the log `later.log` tells how it goes."""
    words = [program("nice"), "-n", "10", str(layout.python), "-m", "deploy.local", "join"]
    environment = {**os.environ, "MOORING_STATE": str(layout.state), "MOORING_PART": PART, "PYTHONUNBUFFERED": "1"}
    with open(layout.logs / f"{PART}.log", "w") as log:
        subprocess.Popen(
            words, cwd=layout.root, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def mark_setup(layout: Layout) -> None:
    """Have all that this process starts from now on carry the marks by which the next `make up` or `make down` finds it."""
    os.environ |= {"MOORING_STATE": str(layout.state), "MOORING_PART": SETUP}


def end(layout: Layout) -> None:
    """End what goes on in the background, and what a killed `make up` left; what Go has compiled by then is kept. Repeatable."""
    processes.end(_ours(layout, PART, SETUP), _GRACE)


def running(layout: Layout) -> bool:
    """Tell whether parts are being built and started in the background."""
    return bool(_ours(layout, PART))


def unbuilt(layout: Layout) -> frozenset[str]:
    """Return the parts that cannot run yet because they have not been built."""
    return frozenset(part for part, tool in PARTS.items() if not tool.built(layout))


def _ours(layout: Layout, *parts: str) -> list[psutil.Process]:
    return [item.process for item in processes.owned() if item.part in parts and item.state == layout.state]
