"""Stopping the platform, and clearing away what an earlier life of it left behind."""

import shutil
from collections.abc import Callable

from deploy.local.failure import SetupError
from deploy.local.platform import Platform


def clear_the_way(platform: Platform) -> None:
    """Make sure that nothing left over is in the way of bringing the platform up; repeatable.

    Errors: SetupError where another checkout's platform is alive on this machine.
    """
    owner = platform.supervisor.owner()
    if owner not in (None, platform.layout.state):
        raise SetupError(f"The platform of {owner.parent} runs on this machine: stop it there with `make down` first.")


def stop(platform: Platform, wipe: bool, say: Callable[[str], None]) -> None:
    """Stop this checkout's platform; `wipe` also removes its data. Repeatable, a stopped one is left alone."""
    if platform.supervisor.owner() == platform.layout.state:
        platform.supervisor.shut_down()
    if wipe:
        shutil.rmtree(platform.layout.state)
    say("The platform is down.")
