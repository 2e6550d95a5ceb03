"""The recorded histories: one JSON file per scenario, as Temporal exports them."""

import json
from pathlib import Path
from typing import Any

from model.suspension import step_of

FOLDER = Path(__file__).parent / "histories"


def recorded() -> dict[str, dict[str, Any]]:
    """Name of the scenario → its history."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}


def steps_of(history: dict[str, Any]) -> int:
    """How many steps (undos among them) the recorded run took; one that was suspended is one, however often it was looked at."""
    scheduled = (event.get("activityTaskScheduledEventAttributes") for event in history["events"])
    return len({step_of(attributes["activityId"]) for attributes in scheduled if attributes and "activityId" in attributes})
