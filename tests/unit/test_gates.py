"""Gates: conditions and durations, a series judged against them by properties, and what the body may say."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from model.gates import Condition, Sample, Verdict, condition_of, judged, seconds_of
from model.gray import Gate, Grayness, GrayPlan, Stage, default_deadline

BELOW = condition_of("< 0.5")
VALUES = st.one_of(st.none(), st.sampled_from([0.0, 1.0]))


@st.composite
def series(draw: st.DrawFn) -> list[Sample]:
    """Samples at rising times."""
    gaps = draw(st.lists(st.integers(1, 30), max_size=30))
    at, found = 0.0, []
    for gap in gaps:
        at += gap
        found.append(Sample(at=at, value=draw(VALUES)))
    return found


def longest_run(samples: list[Sample], *, good: bool) -> float:
    """Seconds from the first to the last sample of the run that the series ends with, -1 where it ends otherwise."""
    run = []
    for sample in reversed(samples):
        if BELOW.holds(sample.value) != good:
            break
        run.append(sample)
    return run[0].at - run[-1].at if run else -1


@given(samples=series(), duration=st.integers(0, 60), fail_duration=st.integers(0, 60))
def test_it_passes_or_fails_exactly_when_the_newest_run_has_lasted(
    samples: list[Sample], duration: int, fail_duration: int
) -> None:
    assume(samples and samples[0].value is not None)
    verdict = judged(samples, BELOW, duration, fail_duration)
    assert (verdict is Verdict.PASSED) == (longest_run(samples, good=True) >= duration)
    assert (verdict is Verdict.FAILED) == (longest_run(samples, good=False) >= fail_duration)


@given(samples=series(), better=st.integers(0, 29))
def test_a_better_value_never_makes_it_fail(samples: list[Sample], better: int) -> None:
    assume(samples and samples[0].value is not None)
    improved = [s.model_copy(update={"value": 0.0}) if place == better else s for place, s in enumerate(samples)]
    if judged(improved, BELOW, 20, 20) is Verdict.FAILED:
        assert judged(samples, BELOW, 20, 20) is Verdict.FAILED


@given(silent=st.lists(st.integers(1, 30), max_size=9), samples=series(), duration=st.integers(0, 60))
def test_what_is_not_measured_yet_says_nothing(silent: list[int], samples: list[Sample], duration: int) -> None:
    assume(samples and samples[0].value is not None)
    before = [Sample(at=-number, value=None) for number in range(len(silent), 0, -1)]
    assert judged([*before, *samples], BELOW, duration, duration) == judged(samples, BELOW, duration, duration)


@given(compare=st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), bound=st.floats(-1e9, 1e9), value=st.floats(-1e9, 1e9))
def test_a_condition_means_what_python_means(compare: str, bound: float, value: float) -> None:
    assert condition_of(f" {compare} {bound!r} ") == Condition(compare=compare, bound=bound)
    assert condition_of(f"{compare}{bound!r}").holds(value) is eval(f"{value!r} {compare} {bound!r}")


@pytest.mark.parametrize("text", ["", "0.5", "<", "< x", "=> 1", "< 1 or 1", "~ 2", "< 1e"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="comparison"):
        condition_of(text)


@pytest.mark.parametrize("text", ["", "5", "1d", "-1s", "1s1m", "1.5s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"batches": ["10%", "5%"]}, "batches.1: '5%' must be more"),
        ({"batches": [3, 3]}, "batches.1: 3 must be more"),
        ({"batches": ["0%"]}, "percentage"),
        ({"batches": ["ten"]}, "percentage"),
        ({"batches": []}, "at least 1"),
        ({"batches": [["web-1"], ["web-1"]]}, "names an instance twice: web-1"),
        ({"batches": [["web-1", "web-1"]]}, "names an instance twice"),
        ({"pause": "first"}, "give batches"),
        ({"pause": "always", "batches": [1]}, "pause"),
        ({"gates": [{}]}, "exactly one of http and metric"),
        ({"gates": [{"metric": {"query": "up", "condition": "about 3"}}]}, "comparison"),
        ({"gates": [{"metric": {"query": "up", "condition": "> 3", "duration": "25h"}}]}, "24h"),
        ({"gates": [{"metric": {"query": "up", "condition": "> 3", "interval": 0}}]}, "interval"),
        ({"gates": [{"http": {"path": "/x"}}]}, "port"),
        ({"onFailure": "explode"}, "onFailure"),
        ({"readySeconds": -1}, "readySeconds"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Grayness.model_validate(body)
    assert field in str(refused.value)


@pytest.mark.parametrize("path", ["health", "/../x", "/a/./b", "/%2e%2e/x", "/a b", "/a#b", "/a\\b", "/ä"])
def test_a_probes_path_cannot_leave_the_instance(path: str) -> None:
    """It becomes part of a path of the cluster's API, asked with the platform's own credentials."""
    with pytest.raises(ValidationError, match="absolute path"):
        Gate.model_validate({"http": {"path": path, "port": 80}})


def test_a_probe_takes_any_success_unless_one_status_is_named() -> None:
    assert [Gate.model_validate({"http": {"port": 80}}).http.accepts(s) for s in (0, 199, 200, 302, 404)] == [  # type: ignore[union-attr]
        False,
        False,
        True,
        True,
        False,
    ]
    named = Gate.model_validate({"http": {"port": 80, "expectStatus": 404}}).http
    assert named is not None
    assert (named.accepts(404), named.accepts(200)) == (True, False)


def test_only_what_is_asked_makes_it_gray() -> None:
    assert not Grayness().gray
    for body in ({"batches": [1]}, {"gates": [{"http": {"port": 80}}]}, {"readySeconds": 1}, {"onFailure": "pause"}):
        assert Grayness.model_validate(body).gray


def test_the_deadline_leaves_room_for_every_gate() -> None:
    gates = [{"metric": {"query": "up", "condition": "> 3", "duration": "2m", "failDuration": 30}}]
    asked = Grayness.model_validate({"batches": [1, 2], "gates": gates, "readySeconds": 10})
    assert default_deadline(asked, 3, 300) == 3 * (300 + 10 + 150)


def test_a_plan_never_pauses_after_its_end() -> None:
    stages = tuple(Stage(layout=n, moved=n, total=3) for n in (1, 2, 3))
    pauses = {word: [GrayPlan(stages=stages, pause=word).pauses_after(n) for n in (1, 2, 3)] for word in ("never", "first", "each")}
    assert pauses == {"never": [False] * 3, "first": [True, False, False], "each": [True, True, False]}
