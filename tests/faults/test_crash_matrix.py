"""SIGKILL of the worker at every boundary of every step of every kind of operation: the same end state (targets F1).

Generated: the kinds from workflows.registry, their scenarios by name, the number of steps from the recorded history. Each scenario
runs twice. In one run a worker dies before the work of each step and before the record is settled: the try was handed to it,
nothing was done. In the other one dies after each: it is done and on record, and Temporal was not told. So a run of n steps
outlives n + 1 deaths, and what is left (cluster, records) is compared with what an undisturbed run has left.

A death costs the time until Temporal sees it: at a step tests/faults/conftest.py's heartbeat and sticky timeouts, while the
record is settled the workflow task's 10 s. So eight test processes run side by side, each with a database, a Temporal namespace and
a worker of its own.
"""

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.slot import Slot
from tests.faults.worker import SETTLE
from tests.replay.histories import recorded, steps_of
from workflows.registry import KINDS


def test_every_kind_is_in_the_matrix() -> None:
    missing = sorted({kind.name for kind in KINDS} - {scenario.kind for scenario in SCENARIOS.values()})
    assert not missing, f"No scenario in tests/faults/scenarios/ for {', '.join(missing)}."
    unrecorded = sorted(SCENARIOS.keys() - recorded().keys())
    assert not unrecorded, f"Run `python -m tests.replay.record {' '.join(unrecorded)}`."


@pytest.mark.timeout(600)
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("scenario", [pytest.param(scenario, id=scenario.name) for scenario in SCENARIOS.values()])
async def test_same_end_state(slot: Slot, scenario: Scenario, side: str, shared: Path) -> None:
    end = await _undisturbed(slot, scenario, shared)
    steps = steps_of(recorded()[scenario.name])
    ran = await slot.run(scenario, [(step, side) for step in (*range(1, steps + 1), SETTLE)])
    await ran.comes_to(end)
    assert [s.run for s in ran.record.steps or []] == [1] * len(ran.record.steps or [])
    await ran.discard()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A directory that all test processes of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


async def _undisturbed(slot: Slot, scenario: Scenario, shared: Path) -> dict[str, Any]:
    """What the scenario leaves when nothing dies, run once by whichever test process comes first."""
    file = shared / f"{scenario.name}.json"
    with (shared / f"{scenario.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            ran = await slot.run(scenario)
            file.write_text(json.dumps(await ran.left()))
            await ran.discard()
    end: dict[str, Any] = json.loads(file.read_text())
    return end
