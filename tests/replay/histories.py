"""The recorded histories: one JSON file per scenario, as Temporal exports them."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "histories"


def recorded() -> dict[str, dict[str, Any]]:
    """Name of the scenario → its history."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}


def steps_of(history: dict[str, Any]) -> int:
    """How many steps (activities, undos among them) the recorded run took."""
    return sum(event["eventType"] == "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED" for event in history["events"])
