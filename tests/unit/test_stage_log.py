"""A stage's log: complete, in order, bounded, and no reason to fail a build."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from activities.stage_log import LARGEST_LOG, LAST_WORDS, StageLog
from model.builds import Stage
from model.errors import BuildFailed, PlatformUnavailable


class Kept:
    """Stands for the store; the first `away` writes find the database away."""

    def __init__(self, size: int = 0, away: int = 0) -> None:
        self.size, self.away, self.texts = size, away, list[str]()

    async def log_size(self, *_: Any) -> int:
        return self.size

    async def append_log(self, operation_id: str, run: int, stage: Stage, text: str) -> None:
        await asyncio.sleep(0.01)
        if self.away:
            self.away -= 1
            raise PlatformUnavailable("away")
        self.texts.append(text)


def log_to(kept: Kept) -> StageLog:
    return StageLog(SimpleNamespace(builds=kept), "op-1", 1, Stage.BUILD)  # type: ignore[arg-type]


async def test_all_that_is_said_is_kept_once_and_in_order() -> None:
    kept = Kept()
    async with log_to(kept) as log:
        for number in range(2000):
            await log.say(f"{number:050}\n")
            await asyncio.sleep(0)
    assert "".join(kept.texts) == "".join(f"{number:050}\n" for number in range(2000))
    assert len(kept.texts) > 1


async def test_what_is_too_much_is_cut_and_the_log_says_so() -> None:
    kept = Kept()
    async with log_to(kept) as log:
        for _ in range(40):
            await log.say("x" * 100_000)
        await log.say("the end\n")
    text = "".join(kept.texts)
    assert len(text) <= LARGEST_LOG + LAST_WORDS + 200
    assert "Output beyond 1024 KiB is not kept" in text
    assert text.endswith("xxx" + "the end\n")


async def test_a_log_that_is_full_stays_full_when_the_stage_is_tried_again() -> None:
    kept = Kept(size=LARGEST_LOG)
    async with log_to(kept) as log:
        await log.say("more")
    assert "".join(kept.texts) == "more"


async def test_another_try_is_told_apart() -> None:
    kept = Kept(size=10)
    async with log_to(kept) as log:
        await log.say("again\n")
    assert "".join(kept.texts) == "— tried again —\nagain\n"


async def test_words_wait_for_a_database_that_is_away() -> None:
    kept = Kept(away=1)
    async with log_to(kept) as log:
        await log.say("first\n")
        await asyncio.sleep(0.8)
        await log.say("second\n")
    assert "".join(kept.texts) == "first\nsecond\n"


async def test_the_log_ends_with_why_the_stage_did() -> None:
    kept = Kept()
    with pytest.raises(BuildFailed):
        async with log_to(kept):
            raise BuildFailed("Step 1 failed.")
    assert kept.texts == ["BuildFailed: Step 1 failed.\n"]
