"""The order of parts: nothing before what it comes after, all of them in the end, and nothing after a failure."""

from hypothesis import given
from hypothesis import strategies as st

from workflows.planning.order import Order


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Acyclic: a part comes only after parts drawn before it; the parts themselves are shuffled."""
    names = [f"p{number}" for number in range(draw(st.integers(0, 12)))]
    after = {name: sorted(draw(st.sets(st.sampled_from(names[:index])))) if index else [] for index, name in enumerate(names)}
    return {name: after[name] for name in draw(st.permutations(names))}


def run(after: dict[str, list[str]], failing: set[str], data: st.DataObject) -> tuple[list[str], list[str], Order]:
    """Carry the order out, parts ending in any sequence; what was started, what was done, and the order at its end.

    Parts take turns or not; a failure gives its turn back.
    """
    order, running, started, done = Order(after), [], [], []
    at_once = data.draw(st.none() | st.integers(1, 3))
    if at_once:
        order.take_turns(at_once)
    while True:
        ready = order.ready()
        assert all(set(after[part]) <= set(done) for part in ready), "nothing starts before what it comes after"
        started += ready
        running += ready
        assert at_once is None or len(running) <= at_once
        if not running:
            return started, done, order
        ended = running.pop(data.draw(st.integers(0, len(running) - 1)))
        if ended in failing:
            order.failed(ended)
            continue
        order.done(ended)
        done.append(ended)


@given(graphs(), st.data())
def test_all_parts_are_started_once_and_done(after: dict[str, list[str]], data: st.DataObject) -> None:
    started, done, order = run(after, set(), data)
    assert sorted(started) == sorted(done) == sorted(after)
    assert order.waiting() == []


@given(graphs(), st.data())
def test_a_failure_keeps_back_what_comes_after_it_and_nothing_else(after: dict[str, list[str]], data: st.DataObject) -> None:
    failing = set(data.draw(st.lists(st.sampled_from(sorted(after)), max_size=3))) if after else set()
    started, _, order = run(after, failing, data)

    def kept_back(part: str) -> bool:
        return any(other in failing or kept_back(other) for other in after[part])

    assert set(started) == {part for part in after if not kept_back(part)}
    assert order.waiting() == [part for part in after if kept_back(part)]


def test_parts_that_are_ready_together_keep_their_order() -> None:
    assert Order({"web": ["api", "side"], "side": [], "api": []}).ready() == ["side", "api"]
