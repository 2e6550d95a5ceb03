"""Where no route is, the refusal says what there is instead."""

import pytest

from api.no_route import no_route
from tests.unit.test_parameters import answered


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v2/aplications/shop/web", 404, "there is no such path; /v2/applications/shop/web is meant, perhaps"),
        ("GET", "/v2/operations/", 404, "there is no such path; /v2/operations is meant, perhaps"),
        ("GET", "/v2/applications/shop/web/x/y/z", 404, "there is no such path. Check its words"),
        ("GET", "/", 404, "there is no such path"),
        ("PATCH", "/v2/users", 405, "this path does not take PATCH; it takes GET and POST"),
        ("PUT", "/v2/applications/shop/web", 405, "this path does not take PUT; it takes DELETE and GET"),
    ],
)
def test_it_says_what_there_is(method: str, path: str, status: int, words: str) -> None:
    reply = answered(method, path)
    assert reply.status_code == status
    assert words in reply.json()["Message"]
    assert "Not Found" not in reply.text
    assert "Not Allowed" not in reply.text
    assert reply.headers.get("Allow", "") == ("" if status == 404 else words.rpartition("it takes ")[2].replace(" and", ","))


def test_a_word_of_another_noun_is_no_guess() -> None:
    found, headers = no_route("GET", "/v2/zzz", {"/v2/users": ["get"]})
    assert (found.status, headers) == (404, {})
    assert "meant" not in found.message
