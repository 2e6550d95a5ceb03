"""Heavy steps take turns, of those that wait the lowest rank first; and what the network breaks is tried again."""

import threading

import pytest

from deploy.local import tools, wait
from deploy.local.failure import SetupError
from deploy.local.layout import Layout
from deploy.local.turns import Turns


@pytest.fixture(autouse=True)
def _not_interrupted():
    yield
    wait.interrupted.clear()


@pytest.fixture
def layout(tmp_path) -> Layout:
    made = Layout(root=tmp_path, cache=tmp_path / "cache", run=tmp_path / "run")
    made.make()
    return made


def test_the_lowest_rank_goes_first():
    turns, went, waiting = Turns(1), [], threading.Semaphore(0)

    def take(rank: int) -> None:
        waiting.release()
        with turns.turn(rank):
            went.append(rank)

    with turns.turn(0):
        threads = [threading.Thread(target=take, args=(rank,)) for rank in (3, 1, 2)]
        for thread in threads:
            thread.start()
            assert waiting.acquire(timeout=5)
        wait.until(lambda: wait.require(len(turns._waiting) == 3, "not all wait"), 5)
    for thread in threads:
        thread.join(5)
    assert went == [1, 2, 3]


def test_ctrl_c_ends_the_waiting():
    turns = Turns(1)
    with turns.turn(0):
        wait.interrupted.set()
        with pytest.raises(wait.Interrupted), turns.turn(1):
            raise AssertionError("had a turn")


def test_a_fetch_that_the_network_breaks_is_tried_again_within_bounds(layout, monkeypatch):
    tried: list[object] = []

    def run(*words: object) -> str:
        tried.append(words)
        if len(tried) < 3:
            raise SetupError("unexpected EOF")
        return ""

    monkeypatch.setattr(tools, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr("deploy.local.command.run", run)
    tools.fetch(tools.PAUSE, layout, lambda words: None)
    assert len(tried) == 3
    monkeypatch.setattr("deploy.local.command.run", lambda *words: (_ for _ in ()).throw(SetupError("no route to host")))
    with pytest.raises(SetupError, match=r"(?s)6 tries .* is the network there.*no route to host"):
        tools.fetch(tools.PAUSE, layout, lambda words: None)
