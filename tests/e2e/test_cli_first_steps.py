"""The first steps of a new user at a terminal: what is watched ends with an address or with what to do next."""

import asyncio
import re

from model.operations import Status
from tests.e2e.test_cli import mooring
from tests.platform import Platform
from tests.terminal import Pseudo

BUSYBOX = ("--image", "public/busybox:latest", "--cpu", "0.02", "--mem", "16Mi")


async def test_what_is_offered_after_a_failure_leads_out_of_it_to_an_address(platform: Platform, project: str) -> None:
    failed = await mooring("app", "create", project, "lost", *BUSYBOX, "--cmd", "httpdd -f", "--port", "8080", "--outside", "-w")
    assert failed.code == 1
    assert "retry alone does not help" in failed.out
    assert "op retry" not in failed.out
    assert failed.out.count("executable file not found") == 3  # the step, the error, and once in the evidence
    (offered,) = re.findall(r"Give it another command: mooring (.+)", failed.out)
    words = [word.replace("COMMAND", "httpd -f -p 8080 -h /etc") for word in offered.split()]
    mended = await mooring(*words)
    assert mended.code == 0, mended.out
    (address,) = re.findall(r"Reach it: http://(\S+)", mended.out)
    host, port = address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.close()
    shown = await mooring("app", "show", "lost", "-p", project)
    for words_shown in (address, "cpu 0.02, mem 16Mi", "type Deployment"):
        assert words_shown in " ".join(shown.out.split())
    assert "gpu" not in shown.out


async def test_a_pause_asks_at_a_terminal_and_tells_the_commands_in_a_pipe(platform: Platform, project: str) -> None:
    await platform.done("POST", f"/v2/applications/{project}", {**BODY, "name": "gray", "instanceNum": 2})
    gray = ("app", "rollout", project, "gray", "--env", "A=1", "--batches", "1,2", "--pause", "first", "--watch")
    terminal = await asyncio.to_thread(Pseudo, *gray, rows=30, cols=80)
    await asyncio.to_thread(terminal.sees, "What shall it do? [r/p/b/l]", 60)
    (paused,) = (await platform.get("/v2/operations", project=project, status=Status.PAUSED))["operations"]

    piped = asyncio.create_task(mooring("op", "watch", paused["id"]))
    terminal.type("b\n")
    code = await asyncio.to_thread(terminal.end, 60)
    assert code == 1  # it was cancelled
    assert "In force now: 2 instances of revision 1 (public/busybox:latest)" in terminal.seen
    followed = await piped
    assert "CANCELLED" in followed.out

    terminal = await asyncio.to_thread(Pseudo, *gray, rows=30, cols=80)
    await asyncio.to_thread(terminal.sees, "What shall it do? [r/p/b/l]", 60)
    terminal.type("\x03")
    assert await asyncio.to_thread(terminal.end, 60) == 130
    (paused,) = (await platform.get("/v2/operations", project=project, status=Status.PAUSED))["operations"]
    assert f"mooring op resume {paused['id']}" in terminal.seen
    resumed = await mooring("op", "resume", paused["id"], "--watch")
    assert resumed.code == 0, resumed.out
    assert "Find the image" not in resumed.out
    assert "Batch 2 of 2" in resumed.out


async def test_logs_instances_and_hosts_of_a_project_in_use(platform: Platform, project: str) -> None:
    body = {**BODY, "name": "web", "instanceNum": 2, "cmd": "sh -c 'echo from $HOSTNAME; sleep 100000'"}
    await platform.done("POST", f"/v2/applications/{project}", body)
    used = {"MOORING_PROJECT": project}
    listed = (await mooring("instance", "ls", "--json", **used)).json
    names = {one["name"] for one in listed["instances"] if one["appName"] == "web"}
    assert (listed["total"], len(names)) == (len(listed["instances"]), 2)
    logs = await mooring("logs", "web", "--since", "5m", **used)
    assert {f"{name} | from {name}" for name in names} <= set(logs.out.splitlines())
    assert project in (await mooring("host", "ls")).out

    member = await platform.user("viewer", project)
    token = {"MOORING_TOKEN": member.http.headers["Authorization"].removeprefix("Bearer ")}
    hosts = (await mooring("host", "ls", "--json", **token)).json
    assert {share["project"] for host in hosts["hosts"] for share in host["projects"]} == {project}
    assert hosts["all"]["requested"]["cpu"] >= 0.04
    refused = await mooring("app", "restart", "web", **used, **token)
    assert refused.code == 1
    assert "It takes the role developer or admin" in refused.err
    assert f"mooring member set {project} " in refused.err


async def test_groups_are_attached_by_options(platform: Platform) -> None:
    project = await platform.project("t-cli")
    await platform.ask("POST", f"/v2/configmaps/{project}", {"name": "settings", "data": {"LEVEL": "2"}})
    made = await mooring("app", "create", project, "web", *BUSYBOX, "--cmd", "sleep 100000", "--config", "settings", "-w")
    assert made.code == 0, made.out
    rolled = await mooring("app", "rollout", project, "web", "--config", "settings:/etc/app", "--mem", "20Mi", "-w")
    assert rolled.code == 0, rolled.out
    shown = await mooring("app", "show", project, "web")
    for words in ("LEVEL from config settings", "/etc/app: LEVEL of config settings", "cpu 0.02, mem 20Mi"):
        assert words in shown.out


BODY = {
    "imageRef": "public/busybox:latest",
    "cmd": "sleep 100000",
    "minReadySeconds": 0,
    "terminationGracePeriodSeconds": 0,
    "resources": {"cpu": "0.02", "mem": "16Mi"},
}
