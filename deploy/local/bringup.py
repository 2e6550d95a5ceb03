"""Carrying out the steps of `make up`: each as soon as what it needs is done, with progress on the terminal."""

import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_any
from graphlib import TopologicalSorter

from deploy.local import command
from deploy.local.part import Step
from deploy.local.progress import Progress


def carry_out(steps: Iterable[Step], progress: Progress) -> None:
    """Run every step once what it needs has ended, several at a time.

    Idempotent as far as the steps are. The first failure, or Ctrl-C, ends the steps that still run, and is raised.
    """
    by_name = {step.name: step for step in steps}
    order = TopologicalSorter({step.name: [need for need in step.needs if need in by_name] for step in by_name.values()})
    order.prepare()
    running: dict[Future[None], str] = {}
    with progress, ThreadPoolExecutor(max_workers=32) as pool:
        try:
            while order.is_active():
                for name in order.get_ready():
                    running[pool.submit(_carry_out_one, by_name[name], progress)] = name
                # A short time limit, for a thread that waits without one is deaf to Ctrl-C.
                done, _ = wait_for_any(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    name = running.pop(future)
                    future.result()
                    order.done(name)
        except BaseException:
            command.interrupt()
            raise


def _carry_out_one(step: Step, progress: Progress) -> None:
    began = time.monotonic()
    progress.begin(step.name)
    try:
        step.run(lambda words: progress.say(step.name, words))
    except BaseException:
        progress.fail(step.name)
        raise
    progress.end(step.name, time.monotonic() - began)
