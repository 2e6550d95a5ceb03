"""`mooring up`: from a directory with a Dockerfile to an address that answers, and from an edit to its new version."""

import asyncio
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from cli import app_options, bodies, building, pauses, reached, report, session
from cli.api import TERMINAL, Api, Record, path
from cli.app_options import Cpu, Memory
from cli.commands.builds import Dockerfile
from cli.commands.creation import Variables
from cli.commands_told import told
from cli.failures import Failure, Interrupted, Refused
from cli.progress import Progress
from cli.terminal import AsJson, Terminal, run
from cli.up_plan import (
    Asked,
    asks_elsewhere,
    built_before,
    change_words,
    exact,
    has,
    is_outdated,
    numbers,
    own_command,
    ports_of,
    sends_again,
)
from cli.ways_out import next_steps

_TO_ANSWER = 60.0  # seconds that what is ready may take until it answers here
_LATEST = 20


def up(
    directory: Annotated[Path, typer.Argument(help="The directory with the Dockerfile.")] = Path(),
    project: Annotated[
        str | None,
        typer.Option(
            "--project", "-p", help="The project, made where there is none; by default the one in use.", show_default=False
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The app's name; by default the directory's.", callback=bodies.app_name, show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The port it listens on; by default what EXPOSE says.", show_default=False)
    ] = None,
    env: Variables = None,
    cpu: Cpu = None,
    memory: Memory = None,
    deadline: Annotated[
        int | None, typer.Option(min=5, help="Seconds it may take until it serves; by default 300.", show_default=False)
    ] = None,
    dockerfile: Dockerfile = None,
    as_json: AsJson = False,
) -> None:
    """Build a directory and run it: the project is made, the image built, the app deployed, and its address told once it answers.

    Run it again after an edit: only what has changed is done.
    """
    called = name or building.name_of(directory)
    within = project or session.project_in_use() or called

    after_edit = f"mooring up {shlex.quote(str(directory))} --project {within} --name {called}"
    asked = Asked(port, env or [], cpu, memory, deadline)
    again = after_edit + asked.options

    async def work(api: Api, here: Terminal) -> int:
        try:
            return await _Up(api, here, within, called, asked, after_edit).run(directory, dockerfile)
        except (asyncio.CancelledError, Interrupted):
            raise Interrupted(f"The watching has ended, what has begun goes on. Take it up, also after an edit: {again}") from None

    run(as_json, work)


class _Up:
    """One run of the command, for the app `name` of the project.

    `after_edit` is the command that goes on; until the app is there the options have to be said again.
    """

    def __init__(self, api: Api, here: Terminal, project: str, name: str, asked: Asked, after_edit: str) -> None:
        self._api = api
        self._here = here
        self._project = project
        self._name = name
        self._asked = asked
        self._again = after_edit + asked.options
        self._after_edit = after_edit

    async def run(self, directory: Path, dockerfile: str | None) -> int:
        """Do what is not done yet; the exit status."""
        asked = self._asked
        bodies.variables(asked.env)  # a slip is told before anything is made
        await building.check(self._api, self._project, self._name, directory, dockerfile)
        await self._make_project()
        built = await self._build(directory, dockerfile)
        if isinstance(built, int):
            return built
        app, newest = await self._app(built)
        if app is None:
            ports = asked.ports or await self._exposed(built["image"])
            place, body = path("/v2/applications", self._project), self._new(built["image"], ports)
            building.say(self._here, f"Deploying {self._project}/{self._name} on port {ports[0]['containerPort']}.")
        else:
            if told_command := own_command(app, self._project):
                building.say(self._here, told_command)
            place = path("/v2/applications", self._project, self._name, "rollout")
            body = self._changes(app, built, asked.ports or await self._newly_exposed(app, built))
            if not body:
                return await self._as_it_is(app, newest, built)
            body |= asked.in_time
            building.say(self._here, f"Rolling out {self._project}/{self._name}: {change_words(body, app)}.")
        accepted = await self._api.post(place, body)
        if accepted.get("notice"):
            building.say(self._here, f"Note: {told(accepted['notice'])}")
        record = await self._followed(accepted["OperationID"])
        if record["status"] != "SUCCEEDED":
            return self._failed(record)
        return await self._answers(built, record)

    async def _make_project(self) -> None:
        """Make the project where there is none; raises Failure naming those there are where that may not be done."""
        try:
            await self._api.get(path("/v2/projects", self._project))
            return
        except Refused as refused:
            if refused.status != 404:
                raise
        try:
            accepted = await self._api.post("/v2/projects", {"name": self._project})
        except Refused as refused:
            if refused.status != 403:
                raise
            own = [one["name"] for one in (await self._api.get("/v2/projects", size=20))["projects"]]
            choose = f"Choose one of yours: --project {' or '.join(own)}" if own else "Ask to be made a member of one."
            raise Failure(
                f"There is no project {self._project} that you are in, and only an administrator can make one. {choose}"
            ) from refused
        building.say(self._here, f"Making the project {self._project}.")
        await self._followed(accepted["OperationID"])

    async def _build(self, directory: Path, dockerfile: str | None) -> Record | int:
        """The image of the directory as it is: {image, digest}. It is built unless it was; the exit status where that fails."""
        build = await building.build_project(self._api, self._project, self._name, dockerfile)
        with building.packed(self._here, directory, build["dockerfilePath"], build["contextPath"]) as (found, archive):
            records = await self._api.get(path("/v2/builds", self._project, self._name, "records"), size=_LATEST)
            known = built_before(records["records"], found.digest.removeprefix("sha256:"), build)
            if known is None:
                await building.send(self._api, self._project, found, archive)
        if known is not None:
            building.say(self._here, f"It is built already: {known['image']}")
            return exact(known)
        begun = await building.begin(self._api, self._project, self._name, {"source": found.digest})
        record = await building.follow(self._api, self._here, self._project, self._name, begun)
        return exact(record["result"]) if record["status"] == "SUCCEEDED" else self._failed(record)

    async def _exposed(self, image: str) -> list[dict[str, Any]]:
        """The ports that the image exposes; raises Failure where there is none."""
        if ports := await self._ports_of(image):
            return ports
        raise Failure(
            f"Which port does it listen on? The image says none. Say it: {self._again} --port 8080\n"
            "Or write EXPOSE 8080 into the Dockerfile."
        )

    async def _newly_exposed(self, app: Record, built: Record) -> list[dict[str, Any]] | None:
        """The ports that the image exposes, where the one before exposed others; None where nothing was changed there.

        What an app listens on beside that was said by somebody, and stays.
        """
        if has(app, built):
            return None
        try:
            before = await self._ports_of(f"{app['Image'].partition('@')[0]}@{next(iter(app['digests'].values()), '')}")
        except Refused as refused:
            if refused.status not in (403, 404, 422):
                raise
            before = ports_of(app)  # it is no longer there, or was never found
        now = await self._ports_of(built["image"])
        return now if now and now != before else None

    async def _ports_of(self, image: str) -> list[dict[str, Any]]:
        return bodies.ports((await self._api.get(path("/v2/images", image)))["ports"])

    async def _app(self, built: Record) -> tuple[Record | None, Record | None]:
        """The app when nothing runs on it, and its newest operation; what an earlier command began is seen to its end first.

        What this person began to deploy, and would not deploy any more, is cancelled: it may be what the edit mends.
        """
        latest = (await self._api.operations(_LATEST, project=self._project, target=self._name))["operations"]
        newest = next((one for one in latest if one["target"]["kind"] == "app"), None)
        if newest and newest["status"] not in TERMINAL:
            newest = await self._gone_by(newest, built)
        try:
            app = await self._api.get(path("/v2/applications", self._project, self._name))
        except Refused as refused:
            if refused.status != 404:
                raise
            return None, newest
        if app["Status"] != "STOPPED":
            return app, newest
        if newest and newest["kind"] == "app.create":  # cancelled, which leaves nothing
            return None, newest
        raise Failure(
            f"{self._project}/{self._name} is stopped. Start it first: mooring app start {self._project} {self._name} --watch "
            f"Or be rid of it: mooring app rm {self._project} {self._name}"
        )

    async def _gone_by(self, running: Record, built: Record) -> Record:
        """The record of what runs on the app when it has ended: by itself, or cancelled where it is no longer wanted."""
        words, cancel = f"{running['kind']} {running['id']}", f"/v2/operations/{running['id']}/cancel"
        first = f"{words} runs on it: that comes first. To end it: mooring op cancel {running['id']}"
        if is_outdated(running, built, self._asked) and running["actor"] == (await self._api.get("/v2/users/me"))["name"]:
            first = f"{words}, which you began, brings what was before this edit: it is cancelled."
            try:
                await self._api.post(cancel)
            except Refused as refused:
                if refused.status != 409:
                    raise
                first = f"{words} runs on it and only goes forward: that comes first."
        building.say(self._here, first)
        return await self._followed(running["id"])

    def _new(self, image: str, ports: list[dict[str, Any]]) -> Record:
        asked = self._asked
        made: Record = {"name": self._name, "imageRef": image, "networkType": 2, "portMappings": ports, **asked.in_time}
        made |= app_options.amounts({}, asked.cpu, asked.memory)
        return made | ({"dockerEnv": bodies.variables(asked.env)} if asked.env else {})

    def _changes(self, app: Record, built: Record, ports: list[dict[str, Any]] | None) -> Record:
        """What of the app is to be another: the fields of a rollout, none where it is as it should be."""
        asked = self._asked
        body: Record = {} if has(app, built) else {"image": built["image"]}
        variables = bodies.more_variables(app["Environments"], asked.env) if asked.env else app["Environments"]
        if any(wanted not in (None, app["ResInfo"].get(name)) for name, wanted in (("cpu", asked.cpu), ("mem", asked.memory))):
            body |= app_options.amounts(app["ResInfo"], asked.cpu, asked.memory)
        if variables != app["Environments"]:
            body["dockerEnv"] = variables
        if ports and ports != ports_of(app):
            body["portMappings"] = ports
        elif asks_elsewhere(app):
            body["readinessProbe"] = None  # the default: the port that it has
        if app["NetworkType"] != 2:
            body["networkType"] = 2
        return body

    async def _followed(self, operation_id: str) -> Record:
        """The record of what has ended; raises Failure with the ways on where it pauses, as nobody may ever end that."""

        async def leave(_: Record) -> bool:
            return True

        with Progress(self._api, self._here.err if self._here.as_json else self._here.out, leave) as progress:
            record = await progress.follow(operation_id)
        if record["status"] not in TERMINAL:
            raise pauses.left(record, self._again)
        return record

    def _failed(self, record: Record, *more: Text) -> int:
        """Why it failed; the way on is this command first: the others are for what a program or an image cannot mend."""
        reason = (record["error"] or {}).get("reason", "")
        command = self._after_edit + self._asked.options_after(reason)
        again = Text.assemble("Mend it, then go on: ", (command, "bold"))
        built = record["kind"] == "image.build"  # its log was shown as it was written, and this command sends the directory
        ways = [] if built else next_steps(record)
        record = sends_again(record, self._project) if built else record
        self._here.show(record, Group(report.why(record, seen="build" if built else ""), *more, again, *ways))
        return 1

    async def _as_it_is(self, app: Record, newest: Record | None, built: Record) -> int:
        """Where nothing is to be rolled out: its address where it serves that, else what is wrong and the ways out; it ends."""
        named = f"{self._project}/{self._name}"
        failed = newest is not None and newest["status"] == "FAILED"
        if app["Status"] == "RUNNING" and not failed:
            building.say(self._here, "Nothing has changed.")
            return await self._answers(built, None)
        if app["Status"] != "FAILED" and not failed:
            building.say(self._here, f"Nothing is new to roll out, and {named} is {app['Status']}: {told(app['message'])}")
            return await self._answers(built, None)
        serves = "does not serve" if app["Status"] == "FAILED" else "still runs what was before"
        building.say(self._here, f"{named} {serves}, and there is nothing new to roll out.")
        exposed = await self._ports_of(built["image"])
        lines = [Text(told(f"{app['reason']}: {app['message']}"))] if not (newest and newest["error"]) else []
        if exposed and exposed != ports_of(app):
            port = exposed[0]["containerPort"]
            words = f"It is asked on port {numbers(ports_of(app))}, its image exposes {numbers(exposed)}. If it listens there: "
            lines.append(Text.assemble(words, (f"{self._after_edit} --port {port}", "bold")))
        if newest and newest["error"]:
            return self._failed(newest, *lines)
        log = Text.assemble("See what it writes: ", (f"mooring logs {self._project} {self._name}", "bold"))
        self._here.show(app, Group(*lines, log, Text.assemble("After an edit: ", (self._after_edit, "bold"))))
        return 1

    async def _answers(self, built: Record, record: Record | None) -> int:
        """Tell the addresses once one answers here; 1 where none does in time."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _TO_ANSWER
        waits = False
        while True:
            found = await reached.addresses_of(self._api, self._project, self._name)
            those = [line["publicAddr"] for line in found["content"] if line["answers"]["publicAddr"]]
            if those or loop.time() > give_up:
                break
            if not waits:
                building.say(self._here, f"Waiting until its address answers, at most {_TO_ANSWER:.0f} s.")
                waits = True
            await asyncio.sleep(0.5)
        lines = [Text.assemble("It answers: ", (f"http://{address}", "bold")) for address in dict.fromkeys(those)]
        if not lines:
            lines = [
                Text("It runs, but does not answer at its address from here."),
                *reached.told(self._project, self._name, found),
            ]
        log = Text.assemble("See what it writes: ", (f"mooring logs {self._project} {self._name}", "bold"))
        edit = Text.assemble("After an edit: ", (self._after_edit, "bold"))
        data = {**built, "project": self._project, "app": self._name, "operation": record and record["id"], "addresses": those}
        self._here.show(data, Group(*lines, log, edit))
        return 0 if those else 1
