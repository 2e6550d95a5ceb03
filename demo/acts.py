"""The acts of the demo: each does one thing through the HTTP API and verifies what came of it."""

import asyncio
import re
from datetime import datetime
from itertools import pairwise

import httpx
from rich.table import Table

from cli import report
from cli.api import Record, path
from cli.words import took
from demo.stage import NotShown, Stage, span
from demo.system_source import BROKEN_WORDS, SECOND_WORDS, SERVICES, SystemSource
from demo.worker_process import WorkerProcess

STACK = "shop"
WEB = f"{STACK}-web"
_ANSWERS_WITHIN = 30.0
_VERSIONS = re.compile(r"web (\S+), api (\S+), store (\S+); (\d+) entries")
# The new instances shall take a moment to serve, or the upgrade is over before anything can happen in its middle.
_UPGRADE = {
    "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "initialDelaySeconds": 4, "periodSeconds": 1},
    "deadlineSeconds": 120,
}


async def build_images(stage: Stage, source: SystemSource) -> None:
    """Act: three image.build operations, side by side."""
    for name in SERVICES:
        body = {
            "name": name,
            "repository": source.repository.url,
            "dockerfilePath": f"{name}/Dockerfile",
            "tag": "main",
        }
        await stage.ann.post(path("/v2/builds", stage.project), body)
    accepted = [await stage.ann.post(path("/v2/builds", stage.project, name, "build")) for name in SERVICES]
    commit = source.repository.git("rev-parse", "HEAD").strip()
    for name, record in zip(SERVICES, await stage.done(*accepted), strict=True):
        result = record["result"]
        right = result["commit"] == commit and result["digest"].startswith("sha256:")
        stage.check(right, f"{stage.project}/{name}:main is {result['digest'][:19]}… of commit {commit[:8]}", f"It is {result}.")


async def deploy_stack(stage: Stage, source: SystemSource) -> Record:
    """Act: the compose file, its apps in the order of their links, which the records' times prove; the stack's record."""
    body = {"stackInstanceName": STACK, "content": source.compose(stage.project)}
    accepted = await stage.ann.post(path("/v2/composes", stage.project), body)
    (stack,) = await stage.done(accepted)
    children = (await stage.ann.operations(50, parent=stack["id"]))["operations"]
    by_app = {child["target"]["name"]: child for child in children}
    table = Table("app", "began after", "ready after", "ready on its own in", box=None, header_style="bold")
    for name in SERVICES:
        child = by_app[f"{STACK}-{name}"]
        begun, ready = span(stack["createdAt"], child["startedAt"]), span(stack["createdAt"], child["finishedAt"])
        table.add_row(f"{STACK}-{name}", took(begun), took(ready), took(ready - begun))
    stage.show(table)
    for before, after in pairwise(SERVICES):
        first, then = by_app[f"{STACK}-{before}"], by_app[f"{STACK}-{after}"]
        in_order = datetime.fromisoformat(first["finishedAt"]) <= datetime.fromisoformat(then["startedAt"])
        stage.check(in_order, f"{before} was ready before {after} began")
    return stack


async def call_web(stage: Stage) -> str:
    """Act: the running web service, through its NodePort; the url it answers at."""
    instances = (await stage.ann.get(path("/v2/instances", stage.project, WEB, "lists")))["instances"]
    stage.check(len(instances) == 2, f"{WEB} has 2 instances", f"It has {len(instances)}.")
    url = (await stage.ann.post(path("/v2/instances", stage.project, instances[0]["name"], "url")))["url"]
    page = await answer(url, "web 1")
    stage.check(versions(page) == ("1", "1", "1", "1"), f"{url} answers: {shown(page)}", f"It answers {page!r}.")
    async with httpx.AsyncClient(timeout=10) as http:
        page = (await http.post(url, data={"entry": "Ann was here"})).text
    stage.check("Ann was here" in page, "an entry went through web and api into store, and back", f"It answers {page!r}.")
    return str(url)


async def upgrade_and_kill(stage: Stage, source: SystemSource, worker: WorkerProcess, url: str) -> None:
    """Act: a commit, a build, an upgrade; the worker dies in its middle, and it ends all the same."""
    source.second()
    await build(stage, "web", "2")
    accepted = await _roll_out(stage, "2")
    following = asyncio.create_task(stage.done(accepted))
    try:
        killed, step = await _kill_in_the_middle(stage, worker, accepted)
        (upgraded,) = await following
    finally:
        following.cancel()
    stage.check(killed, "the worker was killed in the middle of the upgrade", "The upgrade was over before.")
    stage.check(await worker.back(killed), f"SIGKILL ended the worker (pid {killed}), and it came back by itself")
    again = [one for one in upgraded["steps"] if one["title"] == step and one["attempt"] > 1]
    stage.check(again, f"the step {step!r} was taken up again", f"Its steps: {upgraded['steps']}.")
    stage.check(upgraded["attempt"] == 1, "the upgrade SUCCEEDED in its first attempt: nobody had to retry it")
    page = await answer(url, "web 2")
    right = SECOND_WORDS in page and "Ann was here" in page
    stage.check(right, f"{url} now answers: {shown(page)}", f"It answers {page!r}.")


async def break_it(stage: Stage, source: SystemSource, url: str) -> Record:
    """Act: a version that does not start; its record says why, and the version before still answers."""
    source.broken()
    await build(stage, "web", "3")
    (failed,) = await stage.follow(await _roll_out(stage, "3"))
    stage.check(failed["status"] == "FAILED", "the upgrade FAILED", f"It ended {failed['status']}.")
    stage.show(report.failure(failed))
    error = failed["error"]
    stage.check(error["reason"] == "CrashLoop", "the reason is CrashLoop", f"It is {error['reason']}.")
    told = any(BROKEN_WORDS in seen["text"] for seen in error["evidence"])
    stage.check(told, f"the evidence holds the program's own last words: {BROKEN_WORDS}")
    stage.check(error["hint"], "a hint says what to do")
    page = await answer(url, "web 2")
    stage.check(versions(page)[0] == "2", f"meanwhile the version before goes on answering: {shown(page)}")
    return failed


async def mend_and_retry(stage: Stage, source: SystemSource, failed: Record, url: str) -> None:
    """Act: the fix under the same tag, and the failed operation again."""
    source.mended()
    await build(stage, "web", "3")
    (record,) = await stage.done(await stage.ann.post(path("/v2/operations", failed["id"], "retry")))
    stage.check(record["attempt"] == 2, f"{record['id']} SUCCEEDED, attempt 2", f"It is attempt {record['attempt']}.")
    page = await answer(url, "web 3")
    stage.check(versions(page)[0] == "3", f"{url} answers: {shown(page)}", f"It answers {page!r}.")


async def look_around(stage: Stage, stack: Record) -> None:
    """Act: the operation records of it all, and where to look."""
    found = await stage.ann.operations(100, project=stage.project, since=stage.begun)
    stage.show(report.operations(found))
    succeeded = all(record["status"] == "SUCCEEDED" for record in found["operations"])
    stage.check(succeeded, f"all {found['total']} operations have ended SUCCEEDED")
    stage.link("The API and its documentation", f"{stage.admin.url}/docs")
    stage.link("All workflows in Temporal", stack["temporalUrl"].partition("/workflows/")[0] + "/workflows")
    stage.link("The stack's", stack["temporalUrl"])
    stage.link("Any of these again", f"source .local/env; .venv/bin/mooring op show {stack['id']}")
    stage.link("An app", f".venv/bin/mooring app show {stage.project} {WEB}")


async def build(stage: Stage, name: str, tag: str) -> Record:
    """Build one service from its newest commit under a tag of its own."""
    (record,) = await stage.done(await stage.ann.post(path("/v2/builds", stage.project, name, "build"), {"tag": tag}))
    return record


async def answer(url: str, wanted: str) -> str:
    """What the service answers, once that holds `wanted`; raises NotShown with its last answer when it does not come to that.

    Just after an upgrade an instance that is going may still answer once.
    """
    last = "nothing"
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN), httpx.AsyncClient(timeout=5) as http:
            while wanted not in last:
                last = await _asked(http, url)
                await asyncio.sleep(0 if wanted in last else 0.2)
    except TimeoutError:
        raise NotShown(f"{url} does not answer {wanted!r} within {_ANSWERS_WITHIN:.0f} s but: {last!r}.") from None
    return last


def versions(page: str) -> tuple[str, ...]:
    """The versions of web, api and store, and the number of entries, that a page tells."""
    found = _VERSIONS.search(page)
    return found.groups() if found else ()


def shown(page: str) -> str:
    """The sentence that a page shows of the system; all of an answer that is no such page."""
    found = re.search(r"<p>(.*?)</p>", page)
    return found.group(1) if found else page


async def _asked(http: httpx.AsyncClient, url: str) -> str:
    try:
        return (await http.get(url)).text
    except httpx.TransportError as error:
        return f"{type(error).__name__}: {error}"


async def _roll_out(stage: Stage, tag: str) -> Record:
    body = {"image": f"{stage.project}/web:{tag}", **_UPGRADE}
    return await stage.ann.post(path("/v2/applications", stage.project, WEB, "rollout"), body)


async def _kill_in_the_middle(stage: Stage, worker: WorkerProcess, accepted: Record) -> tuple[int, str]:
    """Kill the worker as soon as the last step of the upgrade runs; its pid, and that step's title; 0 if it never came to that."""
    async for event in stage.ann.events(accepted["OperationID"], 0):
        data = event.data
        if event.type == "step" and data["status"] == "RUNNING" and data.get("done") == data.get("total", 0) - 1:
            return worker.kill(), str(data["title"])
    return 0, ""
