"""Names and identifiers (mission, API conventions)."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import Invalid
from model.names import ROUTE_WORDS, check_name, check_project_name, check_user_name
from records import ids

LEGAL = st.from_regex(r"[a-z]([-a-z0-9]{0,40}[a-z0-9])?", fullmatch=True).filter(lambda name: name not in ROUTE_WORDS)


@given(LEGAL)
def test_what_kubernetes_takes_is_taken(name: str) -> None:
    assert check_name(name, "name") == name


@given(st.text(max_size=80))
def test_what_is_taken_is_a_dns_label(text: str) -> None:
    legal = re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", text, re.ASCII) and text not in ROUTE_WORDS
    with contextlib.nullcontext() if legal else pytest.raises(Invalid, match=r"^name: "):
        check_name(text, "name")


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-x", "validate", "scale", "a" * 51, "web\n", "Web", "ünï", ""])
def test_names_that_are_not_a_projects(name: str) -> None:
    with pytest.raises(Invalid):
        check_project_name(name)


def test_ids_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [1_700_000_000.0 + step * 0.001 for step in range(200)]
    made = []
    for moment in moments:
        monkeypatch.setattr(ids.time, "time", lambda moment=moment: moment)
        made.append(ids.new_id("op"))
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"op-[0-9a-hjkmnp-tv-z]{26}", one) for one in made)


def test_tokens_are_told_apart_by_hash_only() -> None:
    first, second = ids.new_token(), ids.new_token()
    assert first != second
    assert ids.token_hash(first) != ids.token_hash(second)
    assert len(ids.token_hash(first)) == 32


def test_no_user_is_called_like_the_platforms_own_actors() -> None:
    assert check_user_name("zoe") == "zoe"
    with pytest.raises(Invalid, match="keeps for itself"):
        check_user_name("autoscaler")
