"""Configuration groups: names, contents, sizes, and what a change may not take from an app (manual, 配置管理)."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.config_uses import Use, check_free, counted
from model.configs import (
    LARGEST_GROUP,
    Change,
    ConfigKind,
    Entry,
    NewGroup,
    changes,
    check_sizes,
    content_of,
    entry_rule,
    forbidden_in_use,
    group_rule,
    is_text,
    read,
    variable_rule,
    written,
)
from model.errors import Conflict, Invalid, TooLarge
from records.sealing import Seal

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
OTHER = base64.urlsafe_b64encode(b"o" * 32).decode()


@pytest.mark.parametrize("name", ["special-config", "a", "0", "a.b-c.9", "x" * 253])
def test_legal_group_names(name: str) -> None:
    assert group_rule(name) is None


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", ".a", "a.", "a..b", "a.-b", "A", "a_b", "ä", "x" * 254, "validate", "kube-root-ca.crt", "a\n"]
)
def test_group_names_that_are_refused(name: str) -> None:
    assert group_rule(name)


@pytest.mark.parametrize("name", ["game-config2.conf", "HELLO", ".hidden", "9", "_", "x" * 253])
def test_legal_entry_names(name: str) -> None:
    assert entry_rule(name) is None


@pytest.mark.parametrize("name", ["", ".", "..", "..data", "a/b", "a b", "ä", "x" * 254, "validate", "versions", "a\n"])
def test_entry_names_that_are_refused(name: str) -> None:
    assert entry_rule(name)


def test_a_variable_has_fewer_names_than_a_file() -> None:
    assert variable_rule("log_LEVEL_2") is None
    assert all(variable_rule(name) for name in ("game-config", "a.b", ""))


@given(st.sampled_from(ConfigKind), st.binary(max_size=200))
def test_what_is_written_is_read_again(kind: ConfigKind, value: bytes) -> None:
    encoding = None if kind is ConfigKind.SECRET or is_text(value) else "base64"
    assert read(kind, written(kind, value), encoding, "data") == value


def test_base64_may_be_wrapped_and_is_else_taken_strictly() -> None:
    assert read(ConfigKind.SECRET, "aGVs\nbG8=\n", None, "data") == b"hello"
    for wrong in ("aGVsbG8", "a-_b", "hello world!", "=="):
        with pytest.raises(Invalid) as refused:
            read(ConfigKind.SECRET, wrong, None, "data.x")
        assert wrong not in str(refused.value.as_reply())


def test_an_encoding_names_an_entry() -> None:
    body = NewGroup(name="a", data={"x": "aGVsbG8="}, encoding={"x": "base64"})
    assert content_of(ConfigKind.CONFIGMAP, body) == {"x": b"hello"}
    with pytest.raises(Invalid, match=r"encoding\.y"):
        content_of(ConfigKind.CONFIGMAP, body.model_copy(update={"encoding": {"y": "base64"}}))


def test_a_group_is_as_large_as_one_object_may_be() -> None:
    check_sizes(ConfigKind.SECRET, {"a": LARGEST_GROUP})
    with pytest.raises(TooLarge, match=r"1048577 bytes.*1048576.*'a' has 1048576"):
        check_sizes(ConfigKind.SECRET, {"a": LARGEST_GROUP, "b": 1})
    with pytest.raises(TooLarge, match="501 entries"):
        check_sizes(ConfigKind.CONFIGMAP, dict.fromkeys(map(str, range(501)), 1))


TEXT, BINARY = Entry(value="v1", size=1, text=True), Entry(value="v2", size=1, text=False)


def test_changes_are_told_by_entry() -> None:
    found = changes({"a": TEXT, "b": TEXT, "c": TEXT}, {"a": TEXT, "b": BINARY, "d": TEXT})
    assert found == (
        Change(entry="b", change="changed"),
        Change(entry="c", change="removed"),
        Change(entry="d", change="added"),
    )


def test_what_an_entry_in_use_is_kept_from() -> None:
    before = {"a": TEXT, "b": TEXT, "c": BINARY, "d": TEXT}
    found = forbidden_in_use(before, {"a": b"\xff", "c": b"text now", "d": b"still text"})
    assert found == {"a": "change from text to binary", "b": "be removed", "c": "change from binary to text"}


def use(app: str, key: str) -> Use:
    return Use(app_id=app, app_name=app, kind=ConfigKind.SECRET, group="g", key=key, type="Env")


def test_a_used_entry_is_not_taken_away_and_the_apps_are_named() -> None:
    uses = [use("shop", "a"), use("blog", "a"), use("blog", "b")]
    with pytest.raises(Conflict, match="'a' cannot be removed: the apps blog, shop use it"):
        check_free(ConfigKind.SECRET, "g", {"a": "be removed", "z": "be removed"}, uses)
    check_free(ConfigKind.SECRET, "g", {"z": "be removed"}, uses)


def test_apps_are_counted_once_each() -> None:
    uses = [use("shop", "a"), use("shop", "a").model_copy(update={"type": "Volume"}), use("blog", "a"), use("blog", "gone")]
    assert counted(uses, ["a", "b"]) == {"a": 2, "b": 0}


@given(st.binary(max_size=100))
def test_what_is_sealed_opens_with_its_key_only(content: bytes) -> None:
    sealed = Seal.of(KEY).close(content)
    assert Seal.of(f"{OTHER}, {KEY}").open(sealed) == content
    assert Seal.of(KEY).close(content) != sealed
    with pytest.raises(Exception, match="another key"):
        Seal.of(OTHER).open(sealed)


def test_a_sealed_value_is_renewed_with_the_newest_key() -> None:
    renewed = Seal.of(f"{OTHER},{KEY}").renew(Seal.of(KEY).close(b"x"))
    assert Seal.of(OTHER).open(renewed) == b"x"


def test_without_a_key_nothing_is_kept() -> None:
    with pytest.raises(Exception, match="no key"):
        Seal.of("").close(b"x")


def test_a_mark_tells_the_same_from_another_and_nothing_else() -> None:
    seal = Seal.of(KEY)
    assert seal.mark(b"1234") == seal.mark(b"1234") != seal.mark(b"1235")
    assert seal.mark(b"1234") != Seal.of(OTHER).mark(b"1234")
