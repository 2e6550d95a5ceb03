"""What is offered after an operation: commands that exist and lead out of why it failed, never one that cannot help."""

import functools
import re
import shlex
from typing import Any

import pytest
import typer.main

from cli.commands_told import told
from cli.main import app
from cli.ways_out import BY_CAUSE, BY_CAUSE_OF_BUILDS, BY_CAUSE_OF_SOURCES, OF_APPS, OF_BUILDS, ways
from model.causes import Cause
from model.errors import BY_REASON, Cancelled, error_classes
from model.serving import hint_of_default
from tests.unit.test_cli_progress import record
from workflows.registry import KINDS

ENDS = ("RUNNING", "PAUSED", "CANCELLING", "SUCCEEDED", "CANCELLED", "FAILED")
ALL = typer.main.get_command(app)
VERBS = ["pause", "resume", "promote", "rollback"]


def commands(kind: str, status: str, reason: str = "InternalError", cause: Cause | None = None, **more: Any) -> list[str]:
    """What is offered for that operation."""
    failed = status in ("FAILED", "CANCELLED")
    error = {"reason": reason, "cause": cause, "fault": BY_REASON[reason].fault} if failed else None
    return [command for _, command in ways(record(status, kind=kind, error=error, **{"request": {}, **more}))]


@functools.cache
def parsed(command: str) -> None:
    """Parse the command as it stands, numbers in the place of what the person is to write; raises where there is none such."""
    found: Any = ALL
    words = shlex.split(re.sub(r"\b(COUNT|PORT)\b", "1", command))
    assert words.pop(0) == "mooring"
    while hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    found.make_context(found.name, words)


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
@pytest.mark.parametrize("status", ENDS)
def test_each_command_that_is_offered_exists_with_its_options(kind: str, status: str) -> None:
    for reason in BY_REASON if status == "FAILED" else ["Cancelled"]:
        offered = commands(kind, status, reason, available=VERBS, result={"image": "shop/web:main"})
        assert offered, (kind, status, reason)
        assert len(offered) == len(set(offered))
        for command in offered:
            parsed(command)


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("request_body", [{}, {"source": "sha256:a", "tag": "v 1"}, {"image": "shop/web:1"}])
def test_each_command_that_is_offered_for_a_cause_exists(cause: Cause, request_body: dict[str, Any]) -> None:
    for kind, reason in [
        *(("image.build", reason) for reason in OF_BUILDS),
        *((kind, reason) for kind in ("app.create", "app.upgrade", "app.scale") for reason in OF_APPS),
    ]:
        offered = commands(kind, "FAILED", reason, cause, request=request_body, leadsBack=True)
        assert len(offered) == len(set(offered))
        for command in offered:
            parsed(command)


def test_what_is_offered_for_a_cause_is_of_one_that_errors_tell() -> None:
    told = {str(cause) for cause in Cause}
    assert {cause for by_cause in (BY_CAUSE, BY_CAUSE_OF_BUILDS, BY_CAUSE_OF_SOURCES) for _, cause in by_cause} == told
    assert {
        reason for by_cause in (BY_CAUSE, BY_CAUSE_OF_BUILDS, BY_CAUSE_OF_SOURCES) for reason, _ in by_cause
    } <= BY_REASON.keys()


def test_every_reason_that_a_person_mends_has_ways_of_its_own() -> None:
    mended_by_a_person = {c.__name__ for c in error_classes() if 4400 <= c.code < 4600 and not issubclass(c, Cancelled)}
    assert mended_by_a_person <= OF_APPS.keys() | OF_BUILDS.keys()


@pytest.mark.parametrize(
    ("reason", "option"),
    [("CommandNotFound", "--cmd"), ("OutOfMemory", "--mem"), ("ImageNotFound", "--image"), ("Unschedulable", "--cpu")],
)
def test_what_mends_it_is_offered_first_of_the_changes(reason: str, option: str) -> None:
    for kind in ("app.create", "app.upgrade"):
        rollouts = [command for command in commands(kind, "FAILED", reason) if "app rollout" in command]
        assert option in rollouts[0]


def test_running_it_again_is_not_offered_where_the_same_ends_the_same() -> None:
    for reason in ("CommandNotFound", "OutOfMemory", "ProbeFailing"):
        assert not any("op retry" in command for command in commands("app.upgrade", "FAILED", reason))
    for reason in ("ClusterUnreachable", "RegistryUnavailable", "PlatformUnavailable", "InternalError"):
        assert commands("app.upgrade", "FAILED", reason) == ["mooring op retry op-1 --watch"]


def test_a_port_that_nothing_listens_on_is_corrected_by_an_option() -> None:
    """It was told in fields of the body only."""
    probe = {"tcpSocket": {"port": 3000}, "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 10}
    hint = hint_of_default(probe)
    assert hint is not None
    for text, offered in ((hint, True), ("Look at what its probe asks for.", False)):
        error = {"reason": "ProbeFailing", "fault": "user", "hint": text}
        found = [command for _, command in ways(record("FAILED", kind="app.upgrade", error=error, request={}))]
        assert (found[0] == "mooring app rollout shop web --port PORT --watch") == offered
        for command in found:
            parsed(command)
    assert "--port of mooring app rollout" in told(hint)
    assert "correct portMappings" not in told(hint)
    assert '{"readinessProbe"' not in told(hint)


def test_an_image_is_deployed_on_the_port_that_it_exposes() -> None:
    def offered(**more: Any) -> str:
        built = record("SUCCEEDED", kind="image.build", result={"image": "shop/web:v1"}, **more)
        return next(command for _, command in ways(built) if "app create" in command)

    assert offered() == "mooring app create shop NAME --image shop/web:v1 --watch"
    exposed = offered(ports=["8080/tcp", "53/udp"])
    assert exposed == "mooring app create shop NAME --image shop/web:v1 --port 8080 --port 53/udp --outside --watch"
    parsed(exposed)


def test_going_back_is_offered_after_an_upgrade_that_stayed_where_it_got() -> None:
    back = "mooring app rollback shop web --watch"
    assert back in commands("app.upgrade", "FAILED", "CrashLoop", leadsBack=True)
    assert back not in commands("app.upgrade", "FAILED", "CrashLoop", leadsBack=False), "the API would refuse it"
    assert back not in commands("app.upgrade", "FAILED", "CrashLoop")
    assert back not in commands("app.create", "FAILED", "CrashLoop")
    assert back not in commands("app.upgrade", "FAILED", "CrashLoop", leadsBack=True, request={"onFailure": "rollback"})


def test_what_a_build_project_says_wrong_is_edited_and_built_and_then_only_retried() -> None:
    for cause, option in ((Cause.ADDRESS, "--repository"), (Cause.BRANCH, "--branch"), (Cause.PATHS, "--dockerfile")):
        edit, run, retry = commands("image.build", "FAILED", "SourceUnreachable", cause)
        assert edit.startswith(f"mooring build edit shop web {option}")
        assert (run, retry) == ("mooring build run shop web", "mooring op retry op-1 --watch")
    assert commands("image.build", "FAILED", "SourceUnreachable", Cause.AWAY)[0] == "mooring op retry op-1 --watch"
    assert commands("image.build", "FAILED", "SourceUnreachable")[0].startswith("mooring build edit shop web"), "of older records"


def test_a_directory_is_sent_again_with_the_tag_that_it_had() -> None:
    offered = commands("image.build", "FAILED", "BuildFailed", request={"source": "sha256:a", "tag": "v1"})
    assert offered[0] == "mooring build dir DIR --project shop --name web --tag v1"
    plain = commands("image.build", "FAILED", "BuildFailed", request={"source": "sha256:a"})
    assert plain[0] == "mooring build dir DIR --project shop --name web"


def test_an_image_that_cannot_be_run_is_built_anew_and_no_other_command_is_offered() -> None:
    retry, rollout = "mooring op retry op-1 --watch", "mooring app rollout shop web --image IMAGE --watch"
    named = commands("app.upgrade", "FAILED", "CommandNotFound", Cause.IMAGE, request={"image": "shop/web:1"})
    assert named == ["mooring build dir DIR --project shop", rollout, retry]
    assert retry in commands("app.create", "FAILED", "CommandNotFound", Cause.IMAGE, request={"imageRef": "shop/web:1"})
    assert retry in commands("app.create", "FAILED", "CommandNotFound", Cause.IMAGE, request={"content": "containers: …"})
    for request in ({"cmd": "/run"}, {"image": "shop/web@sha256:a"}):
        again = commands("app.upgrade", "FAILED", "CommandNotFound", Cause.IMAGE, request=request)
        assert retry not in again, "that would take the very same image"
    script = commands("app.upgrade", "FAILED", "CommandNotFound", Cause.SCRIPT)
    assert "mooring app rollout shop web --cmd COMMAND --watch" in script


def test_less_is_not_asked_for_where_it_is_no_matter_of_how_much() -> None:
    surge = "mooring app rollout shop web --max-surge 0 --watch"
    for cause in (Cause.LABELS, Cause.APART, Cause.BESIDE):
        assert not any("--cpu" in command for command in commands("app.upgrade", "FAILED", "Unschedulable", cause))
    assert commands("app.upgrade", "FAILED", "Unschedulable", Cause.BESIDE)[0] == surge
    assert commands("app.upgrade", "FAILED", "Unschedulable", Cause.APART)[0] == surge
    assert surge not in commands("app.create", "FAILED", "Unschedulable", Cause.APART)
    assert "mooring app scale shop web COUNT --watch" in commands("app.create", "FAILED", "Unschedulable", Cause.APART)
    gray = commands("app.upgrade", "FAILED", "Unschedulable", Cause.BESIDE, request={"image": "a", "batches": [1]})
    assert surge not in gray, "the revision in force is the one before: it would be rolled out"
    assert "--file BODY" in commands("app.create", "FAILED", "Unschedulable", Cause.LABELS)[0]


def test_what_is_being_cancelled_is_not_to_be_stopped_again() -> None:
    assert "mooring op cancel op-1" in commands("app.upgrade", "RUNNING")
    assert "mooring op cancel op-1" not in commands("app.upgrade", "CANCELLING")
