"""Requests that messages of the API name, told as commands."""

import re
from typing import Any

import pytest
import typer.main

from cli.commands_told import _COMMANDS, told
from cli.main import app
from model.errors import DeadlineExceeded, Unauthenticated
from model.operations import no_operation


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Go on: POST /v2/operations/op-1/resume, then again.", "Go on: mooring op resume op-1, then again."),
        ("or DELETE /v2/projects/shop?cascade=true.", "or mooring project delete shop --cascade."),
        (
            'On: POST /v2/applications/shop/web/scale?type=auto {"minReplicas": 1, "targetCPUUtilization": 50}, or',
            "On: mooring app autoscale shop web --min 1 --cpu 50, or",
        ),
        ("its bounds: POST /v2/applications/s/w/scale?type=auto, or", "its bounds: mooring app autoscale s w, or"),
        (
            'Take it away: POST /v2/applications/shop/web/scale?type=manual {"instances": ["web-a", "web-b"]}; or',
            "Take it away: mooring app scale shop web --remove web-a --remove web-b; or",
        ),
        (
            'Where it needs more time: POST /v2/operations/op-1/retry {"deadlineSeconds": 600}.',
            "Where it needs more time: mooring op retry op-1 --deadline 600.",
        ),
        ("Correct it: PUT /v2/builds/shop/web, then again.", "Correct it: mooring build edit shop web, then again."),
        ("List: GET /v2/instances/shop/web/lists.", "List: mooring instance ls shop web."),
        ("POST /v2/instances/shop/db-1/1/start", "mooring instance start shop db-1"),
        ("It names nothing.", "It names nothing."),
        ("the API refuses POST /v2/elsewhere/x {not json}", "the API refuses POST /v2/elsewhere/x {not json}"),
    ],
)
def test_a_request_is_told_as_its_command(said: str, heard: str) -> None:
    assert told(said) == heard


@pytest.mark.parametrize("command", sorted({command for _, command in _COMMANDS if "{verb}" not in command}))
def test_each_command_that_is_told_exists(command: str) -> None:
    found: Any = typer.main.get_command(app)
    words = re.sub(r"\{\w+\}|[A-Z]+", "", command).split()
    for word in (word for word in words if not word.startswith("--")):
        found = found.commands[word]
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_a_token_that_is_refused_is_a_matter_of_the_environment_here() -> None:
    said = told(Unauthenticated.hint)
    assert "MOORING_TOKEN" in said
    assert "header" not in said


def test_an_operation_that_there_is_not_is_looked_for_in_the_list() -> None:
    assert "mooring op ls --all" in told(no_operation("op-none").hint)


def test_a_hint_that_names_a_deadline_tells_the_request_that_gives_more_time() -> None:
    hint = DeadlineExceeded("It did not get done.").as_error().of("op-1", 300).hint
    assert hint.endswith('POST /v2/operations/op-1/retry {"deadlineSeconds": 600}.')
    assert told(hint).endswith("mooring op retry op-1 --deadline 600.")
    assert "86400}" in DeadlineExceeded("").as_error().of("op-1", 80000).hint
    retry: Any = typer.main.get_command(app)
    options = {option for parameter in retry.commands["op"].commands["retry"].params for option in parameter.opts}
    assert "--deadline" in options
