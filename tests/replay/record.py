"""`python -m tests.replay.record [scenario …]`: run scenarios on the platform of `make up` and keep their histories.

Run it for a new scenario, and again when an operation's steps have changed on purpose; the histories are committed.
"""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import Client

from tests.faults.scenarios import SCENARIOS
from tests.faults.slot import opened
from tests.platform import environment
from tests.replay.histories import FOLDER
from worker.main import CONTROL, SCHEDULED

# Where and by which process it ran says nothing about the workflow.
_OF_THE_MACHINE = {"identity", "workerVersion", "binaryChecksum", "stackTrace"}
_PINNED = [str(getattr(one, "__temporal_workflow_definition").name) for one in SCHEDULED]
_SCHEDULED = {pinned.replace(".", "_"): pinned for pinned in _PINNED}


async def _record(names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        async with opened(Path(directory)) as slot:
            for name in names:
                if name in _SCHEDULED:
                    await _run_scheduled(slot.client, name)
                    continue
                ran = await slot.run(SCENARIOS[name])
                await _keep(slot.client, name, ran.record.workflow_id, ran.record.run_id)
                await ran.discard()


async def _run_scheduled(client: Client, name: str) -> None:
    run = await client.start_workflow(_SCHEDULED[name], id=f"recorded {name}", task_queue=CONTROL)
    await run.result()
    await _keep(client, name, run.id, None)


async def _keep(client: Client, name: str, workflow_id: str, run_id: str | None) -> None:
    history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    shown = _without_machine(json.loads(history.to_json()))
    (FOLDER / f"{name}.json").write_text(json.dumps(shown, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(f"recorded {name}: {len(shown['events'])} events\n")


def _without_machine(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_machine(one) for key, one in value.items() if key not in _OF_THE_MACHINE}
    return [_without_machine(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    os.environ.update(environment())
    asyncio.run(_record(sys.argv[1:] or [*SCENARIOS, *_SCHEDULED]))
