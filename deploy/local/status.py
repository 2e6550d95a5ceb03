"""`make status`: every part's state, process, uptime and log file."""

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.local import later
from deploy.local.platform import Platform

GOOD = ("running", "external", "none", "building")
COLOURS = {"running": "green", "external": "cyan", "none": "dim", "building": "yellow", "starting": "yellow", "stopped": "red"}

# Parts that need not be there where the user brings what they serve -> the setting that would name them.
OPTIONAL = {"temporal-ui": "TEMPORAL_UI_URL", "metrics-store": "MOORING_METRICS_URL"}


@dataclass(frozen=True)
class State:
    """One part as `make status` shows it."""

    name: str
    state: str
    pid: int | None
    seconds: int
    log: str


def show(platform: Platform, as_json: bool) -> int:
    """Print the parts' states, and return the exit status: 1 where one that should run does not."""
    states = read(platform)
    if as_json:
        sys.stdout.write(
            json.dumps([{"name": s.name, "pid": s.pid, "state": s.state, "log": s.log} for s in states], indent=1) + "\n"
        )
    else:
        # Wide enough for every path where output goes to a file.
        console = Console()
        console.width = max(console.width, 100)
        console.print(_table(states, platform.layout.root))
    return 0 if all(state.state in GOOD for state in states) else 1


def read(platform: Platform) -> list[State]:
    """Return the state of every part; without a supervisor they are all stopped.

    A part counts as running when it also answers its readiness check, else as starting; one that joins by itself counts as
    building until it is started.
    """
    alive = platform.supervisor.owner() == platform.layout.state
    known = {process["name"]: process for process in platform.supervisor.processes()} if alive else {}
    return [_state(platform, name, known.get(name)) for name in platform.all_parts]


def _state(platform: Platform, name: str, process: dict[str, Any] | None) -> State:
    log = str(platform.layout.logs / f"{name}.log")
    if name in platform.external.replaced:
        missing = name in OPTIONAL and OPTIONAL[name] not in platform.settings
        return State(name, "none" if missing else "external", None, 0, "")
    if not process or process["statename"] != "RUNNING":
        if name in later.PARTS and later.running(platform.layout):
            return State(name, "building", None, 0, str(platform.layout.logs / f"{later.PART}.log"))
        if name in later.unbuilt(platform.layout):
            log = str(platform.layout.logs / f"{later.PART}.log")
        return State(name, "stopped", None, 0, log)
    try:
        platform.parts[name].ready()
        state = "running"
    except Exception:  # noqa: BLE001 - whatever keeps a part from answering, it is not ready
        state = "starting"
    return State(name, state, process["pid"], int(time.time()) - process["start"], log)


def _table(states: Iterable[State], root: Path) -> Table:
    table = Table("part", "state", "pid", "up for", "log", box=None, header_style="bold")
    for state in states:
        colour = COLOURS[state.state]
        up = f"{state.seconds // 3600}:{state.seconds // 60 % 60:02}:{state.seconds % 60:02}" if state.pid else ""
        table.add_row(state.name, f"[{colour}]{state.state}[/]", str(state.pid or ""), up, state.log.removeprefix(f"{root}/"))
    return table
