"""What a build project may name: addresses, branches, paths and tags (targets S8, S9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.builds import BuildImage, BuildSource, NewBuild, Pushed, check_branch, check_path, check_repository, check_tag
from model.errors import Invalid

URL = "https://git.example.com/team/shop.git"


@pytest.mark.parametrize(
    "url", [URL, "http://127.0.0.1:3000/shop.git", "http://[::1]:8080/a", "https://host/a%20b/$(id);x", "http://host/a'b\"c"]
)
def test_plain_http_addresses_are_taken(url: str) -> None:
    assert check_repository(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/canary",
        "ext::sh",
        "file:///etc",
        "ssh://git@host/a",
        "git@host:a/b.git",
        "git://host/a",
        "-oProxyCommand=id",
        "--upload-pack=touch /tmp/canary",
        f"{URL}#--upload-pack=id",
        f"{URL}?a=b",
        f"{URL}\n--upload-pack=id",
        f"{URL}\t",
        f" {URL}",
        "https:///a",
        "https://host",
        "https://host/",
        "https://ho_st%0a/a",
        "https://-host/a",
        "https://host:99999/a",
        "https://host:x/a",
        "http:\\\\host\\a",
        "",
        "https://host/" + "a" * 2000,
        f"https://{'a' * 64}.example.com/a",
        f"https://{'.'.join(['a' * 60] * 5)}/a",
        "https://a..b/a",
    ],
)
def test_all_else_is_refused_and_the_field_named(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_repository(url)
    assert [p.field for p in refused.value.problems] == ["repository"]


@pytest.mark.parametrize("url", ["https://bob:hunter2@host/a", "https://hunter2@host/a", "ftp://bob:hunter2@host/a"])
def test_credentials_are_refused_and_never_echoed(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_repository(url)
    assert "hunter2" not in str(refused.value.as_reply())


@given(st.text(max_size=60))
def test_whatever_the_address_only_http_without_blanks_passes(text: str) -> None:
    for url in (text, f"https://{text}", f"https://host/{text}"):
        try:
            check_repository(url)
        except Invalid:
            continue
        assert url.startswith(("http://", "https://"))
        assert not set(url) & set(" \t\r\n\0#?\\")
        assert "@" not in url.split("/")[2]


@pytest.mark.parametrize("name", ["main", "feature/x-1", "v1.2", "修复", "x;touch${IFS}/tmp/canary", "$(id)", "a&b|c"])
def test_branches_that_git_allows_are_taken(name: str) -> None:
    assert check_branch(name) == name


@pytest.mark.parametrize(
    "name", ["", "-x", "--upload-pack=id", "/a", "a/", "a//b", "a..b", "a b", "a\nb", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b"]
)
def test_branches_that_git_refuses_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        check_branch(name)


@pytest.mark.parametrize("name", ["@", "a@{1}", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a" * 251, "a\u202eb"])
def test_more_branches_that_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        check_branch(name)


@given(st.text(alphabet="./ab\\\n-", max_size=12))
def test_a_path_that_passes_stays_within_the_repository(path: str) -> None:
    try:
        plain = check_path(path, "contextPath")
    except Invalid:
        return
    assert not plain.startswith("/")
    assert ".." not in plain.split("/")
    assert check_path(plain, "contextPath") == plain


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", ".git/config", "a/.git", "a\0b", "a\nb", "x" * 251])
def test_paths_that_leave_the_repository_are_refused(path: str) -> None:
    with pytest.raises(Invalid):
        check_path(path, "dockerfilePath")


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a b", "a/b", "a:b", "é", "x" * 129, "building-op-1", "$(id)"])
def test_tags_that_no_image_can_have_are_refused(tag: str) -> None:
    with pytest.raises(Invalid):
        check_tag(tag)


@pytest.mark.parametrize(
    ("context", "dockerfile"),
    [("web", "Dockerfile"), ("web", "web"), ("web", "webs/Dockerfile"), (".", "."), ("a/b", "a/Dockerfile")],
)
def test_the_dockerfile_lies_within_the_context(context: str, dockerfile: str) -> None:
    with pytest.raises(Invalid) as refused:
        BuildSource(repository=URL, context_path=context, dockerfile_path=dockerfile).checked()
    assert refused.value.problems[0].field == "dockerfilePath"


def test_paths_are_kept_in_their_plain_form() -> None:
    checked = NewBuild(name="web", repository=URL, context_path="./web/", dockerfile_path="web//docker/Dockerfile")
    assert checked.checked().context_path == "web"
    assert checked.checked().dockerfile_path == "web/docker/Dockerfile"


def test_an_image_without_a_tag_of_its_own_gets_its_commits_digits() -> None:
    common = {"operation_id": "op-1", "project": "shop", "target": "web", "actor": "ann", "repository": URL, "branch": "main"}
    ask = BuildImage(**common, dockerfile_path="Dockerfile", context_path=".", image="shop/web")  # type: ignore[arg-type]
    commit = "0123456789abcdef" * 2 + "01234567"
    assert Pushed(ask=ask, commit=commit, digest="sha256:0").tag == "0123456789ab"
    assert Pushed(ask=ask.model_copy(update={"tag": "v1"}), commit=commit, digest="sha256:0").tag == "v1"
