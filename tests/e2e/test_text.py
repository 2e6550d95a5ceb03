"""Text of every kind arrives in the container as it was given: by each way in, and through the API server for any text."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.kubernetes import Cluster
from demo.gitserver import GitServer, serve
from tests.e2e.test_builds import FROM
from tests.e2e.test_cli import mooring
from tests.platform import Platform, unique

# Beyond the basic plane, joined, turned about, line ends that are no line feed, what YAML folds or refuses, what looks escaped.
HARD = "🐳👩‍🚀 e\u0301 \u202e \u2028\u2029\x85\ufeff\ufffe\x01\x1b\x7f \U0010ffff $HOME $(X) '\"` \\ud83d\\udc33 \\n"
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
# Its program says what it was given in files that it serves.
SAYS = 'printf %s "$0" > /tmp/word; printf %s "$WHALE" > /tmp/variable; printf %s "$ENTRY" > /tmp/entry; exec httpd -f -p 8080 -h /'


@given(text=TEXT, key=TEXT)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_text_that_is_applied_is_read_back(cluster: Cluster, project: str, text: str, key: str) -> None:
    metadata = {"name": "any-text", "namespace": project, "annotations": {"example.com/text": text}}
    made = await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text, "key": key}})
    assert (made["data"], made["metadata"]["annotations"]["example.com/text"]) == ({"text": text, "key": key}, text)
    probe = {"exec": {"command": ["test", text]}}
    container = {"name": "c", "image": "x", "args": [text, key], "env": [{"name": "A", "value": text}], "readinessProbe": probe}
    template = {"metadata": {"labels": {"a": "b"}, "annotations": {"example.com/text": key}}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    metadata = {"name": "any-text", "namespace": project}
    made = await cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    (found,) = made["spec"]["template"]["spec"]["containers"]
    assert (found["args"], found["env"][0].get("value", ""), found["readinessProbe"]["exec"]["command"][1]) == (
        [text, key],
        text,
        text,
    )
    assert made["spec"]["template"]["metadata"]["annotations"]["example.com/text"] == key


async def said(platform: Platform, project: str, app: str, *files: str) -> list[str]:
    """What the files of the app's one instance hold."""
    (instance,) = (await platform.get(f"/v2/instances/{project}/{app}/lists"))["instances"]
    async with httpx.AsyncClient(base_url=f"http://{instance['ip']}:8080", timeout=5) as http:
        return [(await http.get(file)).raise_for_status().content.decode() for file in files]


async def test_hard_text_arrives_by_every_way_of_the_api(platform: Platform, project: str) -> None:
    sealed = base64.b64encode(HARD.encode()).decode()
    for kind, data in (("configmaps", HARD), ("secrets", sealed)):
        await platform.done("POST", f"/v2/{kind}/{project}", {"name": "texts", "data": {"file": data, "ENTRY": data}}, wait=0)
    uses = [
        {"type": "Volume", "name": "texts", "key": ["file"], "mountPath": "/etc/texts"},
        {"type": "Env", "name": "texts", "key": ["ENTRY"]},
    ]
    body = {
        "name": unique("app"),
        "imageRef": "busybox",
        "cmd": ["sh", "-c", SAYS, HARD],
        "dockerEnv": [{"name": "WHALE", "value": HARD}],
        "portMappings": [{"protocol": "tcp", "containerPort": 8080}],
        "readinessProbe": {"exec": {"command": ["sh", "-c", '[ "$0" = "$WHALE" ]', HARD]}, "periodSeconds": 1},
        "configMap": uses,
        "secret": [{**uses[0], "mountPath": "/etc/secrets"}],
        "terminationGracePeriodSeconds": 0,
    }
    await platform.done("POST", f"/v2/applications/{project}", body)
    files = ("/tmp/word", "/tmp/variable", "/tmp/entry", "/etc/texts/file", "/etc/secrets/file")
    assert await said(platform, project, str(body["name"]), *files) == [HARD] * len(files)


async def test_it_arrives_by_the_command_line_and_by_documents(platform: Platform, project: str, tmp_path: Any) -> None:
    app, text = unique("app"), HARD
    options = ("--image", "busybox", "--env", f"WHALE={text}", "--port", "8080")
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"cmd": ["sh", "-c", SAYS, HARD], "terminationGracePeriodSeconds": 0}))  # escaped in pairs
    ran = await mooring("app", "create", project, app, *options, "-f", str(body), "--watch")
    assert ran.code == 0, ran.err
    assert await said(platform, project, app, "/tmp/word", "/tmp/variable") == [HARD, text]

    says = "printf %s 🐳 > /tmp/word; env | sed -n s/^WHALE=//p > /tmp/variable; exec httpd -f -p 8080 -h /"
    composed = {"web": {"image": "busybox", "command": ["sh", "-c", says], "environment": {"WHALE": "🐳é"}}}
    document = json.dumps({"services": composed})
    await platform.ask("POST", f"/v2/templates/{project}", {"name": "t", "kind": "compose", "content": document}, expect=201)
    await platform.done("POST", f"/v2/templates/{project}/t/deploy", {"deploymentName": "d"})
    assert await said(platform, project, "d-web", "/tmp/word", "/tmp/variable") == ["🐳", "🐳é\n"]


@pytest.fixture
def git() -> Iterator[GitServer]:
    with serve() as running:
        yield running


async def test_names_of_files_arrive_in_an_image(platform: Platform, project: str, git: GitServer) -> None:
    name = "🐳 e\u0301/naïve \u2028x.txt"
    check = f'COPY . /all/\nRUN test "$(cat "/all/{name}")" = "🐳" # {unique("build")}\n'
    repository = git.create(unique("repo"), {"Dockerfile": FROM + check, name: "🐳"})
    build = {"name": unique("b"), "repository": repository.url}
    await platform.ask("POST", f"/v2/builds/{project}", build, expect=201)
    await platform.done("POST", f"/v2/builds/{project}/{build['name']}/build")


@pytest.mark.parametrize("text", ["\0", "\ud800"])
async def test_what_is_no_text_is_refused_at_the_door_with_its_field(platform: Platform, project: str, text: str) -> None:
    bodies: list[tuple[str, dict[str, Any], str]] = [
        (f"/v2/applications/{project}", {"name": "x", "imageRef": "busybox", "cmd": ["a", text]}, "cmd.1"),
        (
            f"/v2/applications/{project}",
            {"name": "x", "imageRef": "busybox", "dockerEnv": [{"name": "A", "value": text}]},
            "dockerEnv.0.value",
        ),
        (f"/v2/configmaps/{project}", {"name": "x", "data": {"a": text}}, "data.a"),
        (f"/v2/templates/{project}", {"name": "x", "kind": "compose", "content": f"a: {{image: '{text}'}}"}, "content"),
        (f"/v2/projects/{project}/release", {"object": f"pods/{text}", "finalizers": ["a"]}, "object"),
    ]
    for path, body, field in bodies:
        content = json.dumps(body).encode()
        reply = await platform.http.post(path, content=content, headers={"Content-Type": "application/json"})
        assert reply.status_code == 422, reply.text
        assert reply.json()["problems"][0]["field"] == field
