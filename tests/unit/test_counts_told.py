"""How far a move is, in words: never more than was asked for, whatever the cluster counts meanwhile."""

import re
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from activities.courses import DeploymentCourse
from model.rollouts import Rollout

COUNT = st.integers(0, 9)


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    """Any counts a Deployment may tell in the middle of a move."""
    counts = {name: draw(COUNT) for name in ("wanted", "updated", "available", "ready")}
    return Rollout(**counts, total=draw(st.integers(counts["updated"], 12)), seen=True)


def counted(words: str) -> list[tuple[int, int]]:
    """Each "n of m" of it."""
    return [(int(n), int(m)) for n, m in re.findall(r"(\d+) of (\d+)", words)]


@given(rollouts())
def test_one_deployment_tells_no_more_than_was_asked_for(found: Rollout) -> None:
    assert all(n <= m for n, m in counted(found.message))
    assert all(int(n) <= found.wanted for n in re.findall(r"(\d+) ready(?! in all)", found.message))


@given(st.lists(rollouts(), min_size=2, max_size=3), st.lists(COUNT, min_size=3, max_size=3))
def test_several_versions_tell_no_more_than_shall_be_of_each(found: list[Rollout], replicas: list[int]) -> None:
    wanted = [SimpleNamespace(track=str(n), revision=n, replicas=replicas[n]) for n in range(len(found))]
    course: Any = SimpleNamespace(target=SimpleNamespace(workloads=wanted), templates={w.track: {} for w in wanted}, _ending={})
    told = DeploymentCourse._told(course, {str(n): one for n, one in enumerate(found)})
    assert len(counted(told)) == len(found)
    assert all(n <= m for n, m in counted(told))
