"""The embedded platform: steps run in the order of their needs, and stop together."""

import io
import threading

import pytest
from rich.console import Console

from deploy.local import bringup, command, wait
from deploy.local.failure import SetupError
from deploy.local.part import Step
from deploy.local.progress import Progress


@pytest.fixture(autouse=True)
def _not_interrupted():
    yield
    wait.interrupted.clear()


def carry_out(*steps: Step) -> None:
    bringup.carry_out(steps, Progress(Console(file=io.StringIO())))


def test_a_step_waits_for_what_it_needs():
    done: list[str] = []
    carry_out(
        Step("c", lambda say: done.append("c"), needs=("b",)),
        Step("b", lambda say: done.append("b"), needs=("a",)),
        Step("a", lambda say: done.append("a")),
    )
    assert done == ["a", "b", "c"]


def test_what_the_user_already_has_is_not_waited_for():
    done: list[str] = []
    carry_out(Step("a", lambda say: done.append("a"), needs=("Start postgres",)))
    assert done == ["a"]


def test_independent_steps_run_at_the_same_time():
    both = threading.Barrier(2, timeout=5)
    carry_out(Step("a", lambda say: both.wait()), Step("b", lambda say: both.wait()))


def test_a_failure_keeps_back_what_needs_it_and_throws_nothing_away():
    done: list[str] = []
    failed = threading.Event()

    def build(say: object) -> None:
        assert failed.wait(5)
        done.append("build")

    def fail(say: object) -> None:
        failed.set()
        raise SetupError("no")

    with pytest.raises(SetupError, match=r"(?s)bad failed: no.*Not begun for that: after\..*Run the same command again"):
        carry_out(
            Step("build", build),
            Step("bad", fail),
            Step("after", lambda say: done.append("after"), needs=("bad",)),
            Step("start", lambda say: done.append("start"), needs=("build",)),
        )
    assert done == ["build", "start"]


def test_every_failure_is_told():
    def fail(say: object) -> None:
        raise SetupError("this too")

    with pytest.raises(SetupError, match=r"(?s)one failed: this too.*two failed: this too"):
        carry_out(Step("one", fail), Step("two", fail))


def test_ctrl_c_ends_what_runs(tmp_path):
    started = threading.Event()

    def sleep(say: object) -> None:
        command.run(["sh", "-c", "echo started; exec sleep 60"], tmp_path / "log", on_line=lambda line: started.set())

    def press(say: object) -> None:
        assert started.wait(5)
        raise KeyboardInterrupt

    with pytest.raises(wait.Interrupted):
        carry_out(Step("slow", sleep), Step("pressed", press))


def test_a_wait_tells_what_was_missing_when_time_ran_out():
    with pytest.raises(TimeoutError, match="nobody answers"):
        wait.until(lambda: wait.require(False, "nobody answers"), seconds=0)


def test_a_failed_program_shows_the_end_of_its_output(tmp_path):
    with pytest.raises(SetupError, match=r"(?s)status 3.*the reason"):
        command.run(["sh", "-c", "echo the reason; exit 3"], tmp_path / "log")
    assert "the reason" in (tmp_path / "log").read_text()
