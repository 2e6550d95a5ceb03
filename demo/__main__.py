"""`python -m demo`: from a Git repository to a running, upgraded, explained stack, through the HTTP API alone.

It reaches the platform by MOORING_URL and MOORING_TOKEN (`make demo` takes them from `make up`). Exit status 0 only if
everything it tells was verified. It leaves the stack running; the next run begins by removing it.
"""

import asyncio
import signal
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli import report, session
from cli.api import Api
from cli.failures import Failure
from cli.terminal import console
from cli.words import now, took
from demo import acts, people, worker_process
from demo.gitserver import GitServerError, serve
from demo.stage import NotShown, Stage
from demo.system_source import SYSTEM, SystemSource
from demo.worker_process import WorkerProcess

_PIPE_WIDTH = 140
Project = Annotated[str, typer.Option(help="The project to play in; it is removed first.")]
Began = Annotated[int | None, typer.Option(help="When the set-up began, in seconds since the epoch, to tell how long it took.")]
PidFile = Annotated[Path | None, typer.Option(help="The pid file of a worker that is not run by `make up`.")]


async def play(out: Console, project: str, worker: WorkerProcess, began: int | None) -> int:
    """Play all acts; how many things were verified.

    `began` (seconds since the epoch) is when the set-up began, where somebody waits for that.
    Raises NotShown, GitServerError and the API client's failures.
    """
    async with AsyncExitStack() as opened:
        admin = await opened.enter_async_context(Api(session.load()))
        git = opened.enter_context(serve())
        stage = Stage(out, admin, project, ann=admin)
        with stage.act("A project and its people", "A tenant: a namespace and members. What an earlier run left goes first."):
            await people.remove_earlier(stage)
            await people.make_project(stage)
            await opened.enter_async_context(stage.ann)
        if began is not None:
            out.print(f"  From nothing to the first SUCCEEDED: {took(now() - datetime.fromtimestamp(began, UTC))}")
        source = SystemSource(git.create("guestbook", SYSTEM))
        with stage.act("From Git to images", f"web → api → store, from {source.repository.url}: cloned, built, pushed."):
            await acts.build_images(stage, source)
        with stage.act("A stack in order", "Its compose file: store is ready before api begins, api before web."):
            stack = await acts.deploy_stack(stage, source)
        with stage.act("It runs", "Called from outside the cluster, through its NodePort."):
            url = await acts.call_web(stage)
        with stage.act("An upgrade outlives its worker", "A commit, a build, an upgrade, and SIGKILL in its middle."):
            await acts.upgrade_and_kill(stage, source, worker, url)
        with stage.act("A broken version", "web 3 wants a setting that nobody gives it."):
            failed = await acts.break_it(stage, source, url)
        with stage.act("Mended and retried", "The fix is built under the same tag; the failed upgrade runs again."):
            await acts.mend_and_retry(stage, source, failed, url)
        with stage.act("The records of it all", "Who, what, when, how often and why; kept for ever."):
            await acts.look_around(stage, stack)
        return len(stage.seen)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(project: Project = "demo", worker_pid_file: PidFile = None, began: Began = None) -> None:
    """From a Git repository to a running, upgraded, explained stack, each part verified."""
    out, err = console(pipe_width=_PIPE_WIDTH), console(stderr=True, pipe_width=_PIPE_WIDTH)
    worker = WorkerProcess(partial(worker_process.of_file, worker_pid_file) if worker_pid_file else worker_process.of_platform)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the Git server ends with the demo, however that ends
    begun = now()
    try:
        verified = asyncio.run(play(out, project, worker, began))
    except (NotShown, GitServerError) as error:
        err.print(Text.assemble("\n", ("The demo failed. ", "bold red"), str(error)))
        raise typer.Exit(1) from None
    except Failure as failure:
        err.print(Text("\nThe demo failed.", style="bold red"))
        err.print(report.refusal(failure.body))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        err.print("\nInterrupted. What the platform has accepted goes on; run the demo again at any time, it begins anew.")
        raise typer.Exit(130) from None
    out.print()
    out.print(Text(f"All of it was so: {verified} things verified in {took(now() - begun)}.", style="bold green"))
    out.print(f"The stack goes on running. Remove it: .venv/bin/mooring project delete {project} --cascade; or run the demo again.")


if __name__ == "__main__":
    app()
