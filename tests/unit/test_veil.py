"""What a program prints of its own secrets is hidden, and nothing else."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from model.troubles import LogRef, Seen
from model.veil import veil, veiled


def test_a_secret_is_hidden_as_it_is_in_base64_and_line_by_line() -> None:
    key = b"-----BEGIN KEY-----\nQUJDREVGRw==\n-----END KEY-----\n"
    hide = veil([b"s3cret\n", key])
    assert hide("password=s3cret") == "password=…"
    assert hide(f"encoded {base64.b64encode(b's3cret').decode()}") == "encoded …"
    assert hide("read QUJDREVGRw== of it") == "read … of it"


def test_what_is_short_is_left_for_it_is_found_in_any_text() -> None:
    assert veil([b"1", b"abc", b""])("1 abc") == "1 abc"


@given(st.text(min_size=4, alphabet=st.characters(categories=("L", "N"))), st.text())
def test_nothing_of_a_secret_is_left(secret: str, around: str) -> None:
    assert secret not in veil([secret.encode()])(f"{around}{secret}{around}".replace("…", ""))


def test_logs_events_and_the_ends_of_containers_are_searched() -> None:
    hide = veil([b"s3cret"])
    ended = {"containerStatuses": [{"state": {"terminated": {"message": "no s3cret"}}}]}
    pod = {"metadata": {"name": "web"}, "spec": {"nodeName": "n"}, "status": ended}
    ref = LogRef(pod="web", container="web", previous=False)
    seen = veiled(Seen(pods=[pod], events=[{"message": "probe: s3cret", "count": 2}], logs={ref: "s3cret"}), hide)
    assert "s3cret" not in str(seen)
    assert seen.events[0]["count"] == 2
    assert seen.pods[0]["spec"] == pod["spec"]
