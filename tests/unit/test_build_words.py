"""Ways in which a build or the look for an image fails, in the words of Git, the engine and registries, told with what helps."""

import functools
from pathlib import Path

import httpx
import pytest

from cli.commands_told import told as told_to_a_person
from clients.images import Images
from clients.registry import connect
from model.build_words import build_cause, build_hint, git_cause, way_out
from model.causes import Cause
from model.errors import BuildFailed, ImageNotFound, MooringError, OtherRegistryUnavailable, SourceUnreachable
from model.images import Registries, parse
from tests.unit.test_builder import Engine, step


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("manifest for localhost:5000/public/nosuch:1 not found: manifest unknown: manifest unknown", "The base image in FROM"),
        ("pull access denied for nosuch/nosuch, repository does not exist or may require 'docker login'", "The base image in FROM"),
        (
            "COPY failed: file not found in build context or excluded by .dockerignore: stat app.py: file does not exist",
            "push the file",
        ),
        ("The command '/bin/sh -c nosuchtool' returned a non-zero code: 127", "does not have"),
        ("wget: bad address 'nosuch.example'", "not known from the builder"),
        ("toomanyrequests: You have reached your pull rate limit.", "limits how much it gives"),
        ('Get "https://nosuch.example/v2/": dial tcp: lookup nosuch.example: no such host', "does not answer the builder"),
        ("dockerfile parse error line 2: unknown instruction: RUNN", "Correct the line"),
    ],
)
def test_a_failed_build_is_told_with_what_helps(said: str, hint: str) -> None:
    assert hint in (build_hint(said) or "")


def test_what_is_not_known_has_the_common_hint() -> None:
    assert build_hint("The command '/bin/sh -c make' returned a non-zero code: 2") is None
    assert git_cause("something else") is None


@pytest.mark.parametrize(
    ("complaint", "told", "where"),
    [
        (
            "fatal: could not read Username for 'https://git.example': terminal prompts disabled",
            "asks for a login",
            Cause.ADDRESS,
        ),
        ("fatal: repository 'http://git.example/x.git/' not found", "no such repository", Cause.ADDRESS),
        ("fatal: unable to access 'http://x/': Could not resolve host: x", "not known here", Cause.ADDRESS),
        (
            "fatal: unable to access 'http://x/': Failed to connect to x port 80: Connection refused",
            "does not answer there",
            Cause.AWAY,
        ),
        (
            "fatal: unable to access 'https://x/': server certificate verification failed. CAfile: none",
            "certificate",
            Cause.ADDRESS,
        ),
        ("error: RPC failed; curl 18 transfer closed\nfatal: early EOF", "broke off", Cause.AWAY),
    ],
)
def test_why_a_repository_cannot_be_read_is_told(complaint: str, told: str, where: Cause) -> None:
    found = git_cause(complaint)
    assert found is not None
    assert told in found[0]
    assert found[2] == where


@pytest.mark.parametrize("cause", [Cause.ADDRESS, Cause.BRANCH, Cause.PATHS])
def test_what_a_build_project_says_wrong_is_corrected_there_and_then_built(cause: Cause) -> None:
    hint = way_out(SourceUnreachable("x", hint="Correct the branch, or push it there.", cause=cause), "shop", "web", sent=False)
    assert hint.startswith("Correct the branch, or push it there. To correct what is built: ")
    said = told_to_a_person(hint)
    assert "mooring build edit shop web, then mooring build run shop web;" in said
    assert "a retry asks for the same as before" in said


def test_a_git_server_that_is_away_is_asked_again() -> None:
    hint = way_out(SourceUnreachable("x", hint="See whether it runs.", cause=Cause.AWAY), "shop", "web", sent=False)
    assert hint.startswith("See whether it runs. Retry when it answers.")


@pytest.mark.parametrize(
    "said",
    ["COPY failed: file not found in build context: app.py", "dockerfile parse error line 2: unknown instruction: RUNN"],
)
def test_a_build_of_a_directory_keeps_its_own_hint_and_says_to_send_it_again(said: str) -> None:
    failed = BuildFailed(said, hint=build_hint(said), cause=build_cause(said))
    sent = way_out(failed, "shop", "web", sent=True)
    assert sent.startswith(build_hint(said) or "none")
    assert "send the directory again (POST /v2/builds/shop/sources)" in sent
    assert way_out(failed, "shop", "web", sent=False).endswith("Push that, then retry: it takes the newest commit.")


def test_a_base_images_registry_that_limits_is_waited_for_however_it_is_built() -> None:
    said = "toomanyrequests: You have reached your pull rate limit."
    for sent in (True, False):
        failed = BuildFailed(said, hint=build_hint(said), cause=build_cause(said))
        assert way_out(failed, "shop", "web", sent=sent).endswith("Retry when it answers.")


async def test_evidence_and_log_of_a_build_have_no_colours(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    failed = {"error": "x", "errorDetail": {"code": 2, "message": "The command 'make' returned a non-zero code: 2"}}
    engine = Engine(step(2, "RUN make"), {"stream": "\x1b[91mno rule to make target\x1b[0m\n"}, failed)
    with pytest.raises(BuildFailed) as failure:
        await engine.builder.build(tmp_path, "Dockerfile", {}, engine.say)
    assert "\nno rule to make target\n" in failure.value.evidence[0].text
    assert not [line for line in [*engine.lines, failure.value.evidence[0].text] if "\x1b" in line]


async def test_a_builder_without_disk_is_no_fault_of_the_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    said = "write /var/lib/docker/overlay2/x: no space left on device"
    engine = Engine(step(2, "COPY . /"), {"error": said, "errorDetail": {"message": said}})
    with pytest.raises(MooringError) as failure:
        await engine.builder.build(tmp_path, "Dockerfile", {}, engine.say)
    assert (failure.value.reason, failure.value.fault) == ("BuilderFull", "platform")
    assert "administrator" in failure.value.hint


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "asks for a login"),
        (403, "does not give it to everybody"),
        (429, "limits how much"),
        (503, "answers 503"),
        (404, "has no"),
    ],
)
async def test_what_another_registry_answers_is_told(status: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = httpx.MockTransport(lambda request: httpx.Response(status))
    monkeypatch.setattr("clients.images.httpx.AsyncClient", functools.partial(httpx.AsyncClient, transport=answers))
    written = "registry.example/shop/web:1"
    with pytest.raises((ImageNotFound, OtherRegistryUnavailable), match=words) as failure:
        await Images(connect("localhost:5000"), Registries.listed("localhost:5000", "registry.example")).resolve(
            parse(written, "localhost:5000"), written
        )
    assert failure.value.hint
    assert failure.value.fault == ("outside" if status in (429, 503) else "user")
