"""The builder's client against an engine that is played: what its messages become, and what goes into the context."""

import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients.builder import Builder, find_dockerfile
from model.errors import BuildFailed, PlatformUnavailable, PushRefused, SourceUnreachable


class Engine:
    """Answers every streaming call with the messages given and keeps what it was sent."""

    def __init__(self, *messages: dict[str, Any], status: int = 200) -> None:
        self.messages, self.status = messages, status
        self.request: httpx.Request | None = None
        self.lines: list[str] = []
        self.builder = Builder(httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://docker"))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.request = request
        self.sent = await request.aread()
        return httpx.Response(self.status, text="".join(json.dumps(message) + "\r\n" for message in self.messages))

    async def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    (made / "web").mkdir(parents=True)
    (made / "web" / "Dockerfile").write_text("FROM scratch\n")
    (made / "secret").write_text("x")
    (made / ".dockerignore").write_text("# not these\nsecret\n")
    return made


def step(number: int, words: str) -> dict[str, Any]:
    return {"stream": f"Step {number}/9 : {words}\n"}


async def test_an_image_is_the_one_the_engine_names(context: Path) -> None:
    engine = Engine(step(1, "FROM scratch"), {"aux": {"ID": "sha256:1"}}, {"stream": "Successfully built 1\n"})
    assert await engine.builder.build(context, "web/Dockerfile", {"a": "b"}, engine.say) == "sha256:1"
    assert engine.request is not None
    assert engine.request.url.params["dockerfile"] == "web/Dockerfile"
    assert json.loads(engine.request.url.params["labels"]) == {"a": "b"}
    with tarfile.open(fileobj=BytesIO(engine.sent)) as sent:
        assert "web/Dockerfile" in sent.getnames()
        assert "secret" not in sent.getnames()


async def test_a_bom_before_the_first_pattern_of_a_dockerignore_is_none_of_it(context: Path) -> None:
    (context / ".dockerignore").write_text("secret\n", encoding="utf-8-sig")
    engine = Engine({"aux": {"ID": "sha256:1"}})
    await engine.builder.build(context, "web/Dockerfile", {}, engine.say)
    with tarfile.open(fileobj=BytesIO(engine.sent)) as sent:
        assert "secret" not in sent.getnames()


async def test_a_failure_tells_the_step_and_the_last_lines(context: Path) -> None:
    failed = {"error": "x", "errorDetail": {"code": 2, "message": "The command 'make' returned a non-zero code: 2"}}
    engine = Engine(step(1, "FROM a"), step(2, "RUN make"), {"stream": "no rule\n"}, failed)
    with pytest.raises(BuildFailed) as told:
        await engine.builder.build(context, "web/Dockerfile", {}, engine.say)
    assert "Step 2/9 (RUN make)" in told.value.message
    assert "no rule" in told.value.evidence[0].text
    assert not told.value.transient


async def test_the_platforms_labels_are_no_steps_of_the_dockerfile(context: Path) -> None:
    steps = [
        {"stream": f"Step {n}/6 : {words}"}
        for n, words in enumerate(("FROM a", "COPY b c", "RUN d", "CMD e", "LABEL f", "LABEL g"), 1)
    ]
    engine = Engine(*steps, {"aux": {"ID": "sha256:1"}})
    await engine.builder.build(context, "web/Dockerfile", {"f": "1", "g": "2"}, engine.say)
    assert engine.lines == [
        "Step 1/4 : FROM a",
        "Step 2/4 : COPY b c",
        "Step 3/4 : RUN d",
        "Step 4/4 : CMD e",
        "LABEL f",
        "LABEL g",
    ]


async def test_a_killed_command_is_told_as_such(context: Path) -> None:
    engine = Engine(step(1, "RUN x"), {"error": "x", "errorDetail": {"code": 137, "message": "returned 137"}})
    with pytest.raises(BuildFailed, match="2048 MiB"):
        await engine.builder.build(context, "web/Dockerfile", {}, engine.say)


async def test_a_build_that_just_stops_is_tried_again(context: Path) -> None:
    engine = Engine(step(1, "FROM a"))
    with pytest.raises(PlatformUnavailable):
        await engine.builder.build(context, "web/Dockerfile", {}, engine.say)


async def test_a_dockerfile_that_cannot_be_read_is_the_users_fault(context: Path) -> None:
    engine = Engine({"message": "dockerfile parse error line 1: unknown instruction: FORM"}, status=400)
    with pytest.raises(BuildFailed, match="unknown instruction"):
        await engine.builder.build(context, "web/Dockerfile", {}, engine.say)


async def test_a_push_yields_the_digest_and_says_each_layers_state_once() -> None:
    pushing = {"id": "a1", "status": "Pushing"}
    engine = Engine(pushing, pushing, {"id": "a1", "status": "Pushed"}, {"aux": {"Digest": "sha256:2", "Tag": "t", "Size": 1}})
    assert await engine.builder.push("localhost:5000/shop/web:t", engine.say) == "sha256:2"
    assert engine.lines == ["a1: Pushing\n", "a1: Pushed\n"]
    assert engine.request is not None
    assert engine.request.url.path == "/v1.41/images/localhost:5000/shop/web/push"
    assert engine.request.url.params["tag"] == "t"


async def test_a_refused_push_tells_the_registrys_words() -> None:
    engine = Engine({"error": "denied", "errorDetail": {"message": "denied: not yours"}})
    with pytest.raises(PushRefused, match="not yours"):
        await engine.builder.push("localhost:5000/shop/web:t", engine.say)


def test_the_dockerfile_is_found_within_its_context(context: Path) -> None:
    assert find_dockerfile(context, "web", "web/Dockerfile") == ((context / "web").resolve(), "Dockerfile")
    assert find_dockerfile(context, ".", "web/Dockerfile") == (context.resolve(), "web/Dockerfile")


def test_what_a_link_reaches_outside_the_checkout_is_not_there(context: Path, tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("FROM canary\n")
    (context / "Dockerfile").symlink_to(tmp_path / "canary")
    (context / "out").symlink_to(tmp_path)
    for context_path, dockerfile in (
        (".", "Dockerfile"),
        ("out", "out/canary"),
        (".", "out/canary"),
        (".", "none"),
        ("web", "web"),
    ):
        with pytest.raises(SourceUnreachable):
            find_dockerfile(context, context_path, dockerfile)


async def test_a_dockerignore_that_is_a_link_is_not_followed(context: Path, tmp_path: Path) -> None:
    (context / ".dockerignore").unlink()
    (tmp_path / "patterns").write_text("secret\n")
    (context / ".dockerignore").symlink_to(tmp_path / "patterns")
    engine = Engine({"aux": {"ID": "sha256:1"}})
    await engine.builder.build(context, "web/Dockerfile", {}, engine.say)
    with tarfile.open(fileobj=BytesIO(engine.sent)) as sent:
        assert "secret" in sent.getnames()
