"""Splitting into words: as the standard library does it, in a time that grows with the text only."""

import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.shell_words import split


@given(st.text(alphabet=st.sampled_from("ab \t\n\r\v'\"\\$#;é")))
@example("a\\")
@example('"a\\')
@example('"a\\\\')
@example("'a\\")
@example('""')
@example("a'' \"\"b")
@example("'\\")
def test_it_splits_as_the_library_does(text: str) -> None:
    try:
        wanted = tuple(shlex.split(text))
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)):
            split(text)
    else:
        assert split(text) == wanted
