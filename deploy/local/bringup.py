"""Carrying out the steps of `make up`: each as soon as what it needs is done, with progress on the terminal."""

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_any
from graphlib import TopologicalSorter

from deploy.local import command, wait
from deploy.local.failure import SetupError
from deploy.local.part import Step
from deploy.local.progress import Progress


class Order:
    """Which steps may begin; a step that failed keeps back those that need it, and no other.

    A need that is not among the steps (the user has that part) counts as met.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = {step.name: step for step in steps}
        self._left = set(self.steps)
        self._sorter = TopologicalSorter(
            {name: [need for need in step.needs if need in self.steps] for name, step in self.steps.items()}
        )
        self._sorter.prepare()

    def begin(self) -> list[Step]:
        """Return the steps that may begin now; each is returned once."""
        names = self._sorter.get_ready()
        self._left.difference_update(names)
        return [self.steps[name] for name in names]

    def done(self, name: str) -> None:
        self._sorter.done(name)

    @property
    def kept_back(self) -> list[str]:
        """The steps that have not begun, in the order in which they are written."""
        return [name for name in self.steps if name in self._left]


def carry_out(steps: Iterable[Step], progress: Progress) -> None:
    """Run every step once what it needs has ended, several at a time.

    Idempotent as far as the steps are. Where one fails, all that does not need it is carried out to its end all the same, so
    that no build is thrown away; then SetupError tells every failure. Ctrl-C ends the steps that run.
    """
    order = Order(steps)
    running: dict[Future[None], str] = {}
    failures: dict[str, Exception] = {}
    with progress, ThreadPoolExecutor(max_workers=32) as pool:
        try:
            while True:
                for step in order.begin():
                    running[pool.submit(_carry_out_one, step, progress)] = step.name
                if not running:
                    break
                # A short time limit, for a thread that waits without one is deaf to Ctrl-C.
                done, _ = wait_for_any(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    name, failure = running.pop(future), future.exception()
                    if failure is None:
                        order.done(name)
                    elif isinstance(failure, Exception) and not isinstance(failure, wait.Interrupted):
                        failures[name] = failure
                    else:
                        raise failure
        except KeyboardInterrupt:
            # Typer would tell it in its own words, and nobody that nothing is lost.
            command.interrupt()
            raise wait.Interrupted from None
        except BaseException:
            command.interrupt()
            raise
    if failures:
        raise _failed({name: failures[name] for name in order.steps if name in failures}, order.kept_back)


def _carry_out_one(step: Step, progress: Progress) -> None:
    progress.begin(step.name)
    try:
        step.run(lambda words: progress.say(step.name, words))
    except BaseException as failure:
        progress.fail(step.name, str(failure))
        raise
    progress.end(step.name)


def _failed(failures: dict[str, Exception], kept_back: list[str]) -> SetupError:
    told = [f"{name} failed: {failure or type(failure).__name__}" for name, failure in failures.items()]
    if kept_back:
        told.append(f"Not begun for that: {', '.join(kept_back)}.")
    told.append("All else is done and kept. Run the same command again: it goes on where it stopped.")
    error = SetupError("\n".join(told))
    error.__cause__ = next(iter(failures.values()))
    return error
