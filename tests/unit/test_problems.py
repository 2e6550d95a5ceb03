"""What is wrong with a body is told in words, one problem a field."""

from typing import Any

import pytest
from pydantic import ValidationError

from api.errors import problems_of
from model.change_bodies import Rollback, Rollout


def problems(model: Any, body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    found = problems_of([{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()])
    assert len({problem.field for problem in found}) == len(found)
    return {problem.field: problem.message for problem in found}


@pytest.mark.parametrize(
    ("batches", "field", "words"),
    [
        ([0], "batches.0", "0 is no batch: it has to bring 1 instance at least"),
        ([1, "150%"], "batches.1", '"150%" is no percentage: write one from "1%" to "100%", or a number of instances'),
        ([1, "5"], "batches.1", '"5" is text: write 5 without quotes for so many instances, or "5%" for a percentage'),
        ([[]], "batches.0", "[] is no batch: it has to bring 1 instance at least"),
        ([True], "batches.0", 'must be a number of instances, a percentage such as "10%", or a list of instance names'),
        ([1.5], "batches.0", 'must be a number of instances, a percentage such as "10%", or a list of instance names'),
        (["10%", "5%"], "batches.1", "'5%' must be more than the one before: batches are cumulative"),
    ],
)
def test_a_wrong_batch_is_told_with_what_to_write(batches: list[Any], field: str, words: str) -> None:
    assert problems(Rollout, {"batches": batches}) == {field: words}


def test_of_a_field_of_several_types_it_is_told_once() -> None:
    assert problems(Rollout, {"maxSurge": -1}) == {"maxSurge": "must be at least 0"}
    assert problems(Rollout, {"cmd": 5}) == {"cmd": 'must be text, such as "web"; or must be a list, such as ["a", "b"]'}
    assert problems(Rollout, {"nodeLabels": {"a-b": 1}}) == {"nodeLabels.a-b": 'must be text, such as "web"'}


def test_what_the_whole_body_shows_names_its_field() -> None:
    assert list(problems(Rollback, {"revision": 1, "operation": "op-1"})) == ["revision"]
    assert list(problems(Rollout, {"image": "a", "pause": "first"})) == ["pause"]
