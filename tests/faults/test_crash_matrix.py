"""SIGKILL of the worker at every boundary of every step of every kind of operation: the same end state (targets F1).

Generated: the kinds from workflows.registry, their scenarios by name, the number of steps from the recorded history. Each case
kills the worker once, before or after one step's work, or before or after the record is settled, lets another worker go on,
and compares what is left (cluster, records) with what an undisturbed run has left.

Time budget: 6 minutes for all on 2 cores. A case waits some 10 s for Temporal to see that the worker is gone (heartbeat
timeout 5 s, sticky queue 10 s) and computes some 2 s, so eight test processes run side by side, each with a database, a
Temporal namespace and a worker of its own.
"""

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.slot import Slot
from tests.faults.worker import SETTLE
from tests.replay.histories import recorded, steps_of
from workflows.registry import KINDS


def _cases() -> Iterator[Any]:
    histories = recorded()
    for scenario in SCENARIOS.values():
        steps = steps_of(histories[scenario.name]) if scenario.name in histories else 0
        for step in (*range(1, steps + 1), SETTLE):
            for side in ("before", "after"):
                where = f"{side}-" + ("settle" if step == SETTLE else f"step-{step}")
                yield pytest.param(scenario, step, side, id=f"{scenario.name}-{where}")


def test_every_kind_is_in_the_matrix() -> None:
    missing = sorted({kind.name for kind in KINDS} - {scenario.kind for scenario in SCENARIOS.values()})
    assert not missing, f"No scenario in tests/faults/scenarios/ for {', '.join(missing)}."
    unrecorded = sorted(SCENARIOS.keys() - recorded().keys())
    assert not unrecorded, f"Run `python -m tests.replay.record {' '.join(unrecorded)}`."


@pytest.mark.parametrize(("scenario", "step", "side"), list(_cases()))
async def test_same_end_state(slot: Slot, scenario: Scenario, step: int, side: str, shared: Path) -> None:
    end = await _undisturbed(slot, scenario, shared)
    ran = await slot.run(scenario, step, side)
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
