"""`python -m deploy.local up | down | status | helm`: what the Makefile calls."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from deploy.local import bringup, envfile, external, later, status, takedown, tools, wait
from deploy.local.failure import SetupError
from deploy.local.layout import Layout
from deploy.local.parts import simulated
from deploy.local.platform import Platform
from deploy.local.progress import Progress
from deploy.local.steps import Steps

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
console = Console(stderr=True)
ROOT = Path(__file__).resolve().parents[2]


@app.command()
def up(
    whole: bool = typer.Option(False, help="Wait for the parts too that else join by themselves: those for metrics."),
    simulated_nodes: int | None = typer.Option(
        None, min=0, max=simulated.MOST, help="How many nodes to simulate; 0 takes them away, without it they stay as they are."
    ),
) -> None:
    """Bring up every part that does not run yet."""
    platform = _platform(simulated_nodes)
    _check_can_run(platform)
    with _alone(platform.layout):
        takedown.clear_the_way(platform, _say)
        later.mark_setup(platform.layout)
        if simulated_nodes is not None:
            # Kept for the next time, and so that an interrupted run is gone on with.
            platform.layout.simulated_nodes.write_text(str(simulated_nodes))
        platform.supervisor.apply(platform.parts.values())
        envfile.write(platform.layout.env_file, envfile.render(platform.settings))
        steps = Steps(platform)
        at_once, by_itself, missing = steps.at_once(), steps.later(), sorted(later.unbuilt(platform.layout))
        bringup.carry_out([*at_once, *by_itself] if whole else at_once, Progress(console))
        if by_itself and not whole:
            later.begin(platform.layout)
    _say(f"The platform is up. Reach it with: source {platform.layout.env_file}")
    if by_itself and not whole:
        _say(f"Built in the background, to join by themselves: {', '.join(missing)}. `make status` shows them.")


@app.command(hidden=True)
def join() -> None:
    """Build and start the parts that nobody waits for; `make up` runs this in the background."""
    bringup.carry_out(Steps(_platform()).later(), Progress(console))


@app.command()
def down(wipe: bool = typer.Option(False, help="Forget the data as well.")) -> None:
    """Stop what was started here and nothing else."""
    platform = _platform()
    with _alone(platform.layout):
        takedown.stop(platform, wipe=wipe, say=_say)


@app.command()
def helm() -> None:
    """Build Helm unless it is built, and say where it is."""
    layout = _platform().layout
    for work in (tools.fetch, tools.build):
        work(tools.HELM, layout, lambda words: _say(f"helm: {words}"))
    typer.echo(tools.HELM.path(layout, "helm"))


@app.command(name="status")
def show(as_json: bool = typer.Option(False, "--json", help="A list of objects instead of a table.")) -> None:
    """Show every part's state; the exit status is 1 where one that should run does not."""
    sys.exit(status.show(_platform(), as_json))


def _say(words: str) -> None:
    console.print(words, highlight=False, soft_wrap=True)


def _check_can_run(platform: Platform) -> None:
    """Errors: SetupError that names all settings to make where some parts cannot run here."""
    if platform.simulated_nodes and "kubelet" not in platform.parts:
        raise SetupError("Nodes are simulated in the embedded cluster only: unset KUBECONFIG to have that")
    if sys.platform == "linux" and os.geteuid() == 0:
        return
    parts = [part for part in external.NEED_ROOT if part in platform.parts]
    if parts:
        settings = sorted({external.setting_for(part) for part in parts})
        raise SetupError(
            f"{', '.join(parts)} can only run as root on Linux. Run `make up` as root there, or set "
            f"{' and '.join(settings)} to what you have (see the README)"
        )


def _platform(simulated_nodes: int | None = None) -> Platform:
    layout = Layout.of(ROOT)
    layout.make()
    return Platform(layout, os.environ, simulated_nodes)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Hold the machine's lock: two bring-ups or take-downs at once would undo each other's work."""
    with open(layout.run / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("Another `make up` or `make down` is at work; waiting for it to end.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Run a command; what the user can put right is told in plain words, Ctrl-C ends quietly."""
    try:
        app()
    except SetupError as failure:
        console.print(str(failure), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except (KeyboardInterrupt, wait.Interrupted):
        console.print("Interrupted. What was done stays; run it again to go on.")
        sys.exit(130)


if __name__ == "__main__":
    main()
