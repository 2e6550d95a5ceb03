"""What a program prints of its own secrets is hidden, in the forms that shells make in one pipe too, and nothing else."""

import base64
import os
import subprocess
import time
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.troubles import LogRef, Seen
from model.veil import veil, veiled

KEY = b"-----BEGIN KEY-----\nQUJDREVGRw==\n-----END KEY-----\n"
SECRETS = [
    "s3cret",
    "C4n4ry/C4n4ry+C4n4ry",
    "correct horse battery staple & co.: 100%",
    "geheimes Wörtchen 🐳",
    "x" * 30 + "".join(map(chr, range(33, 127))),
]
PIPES = [
    "cat", "rev", "tac", "base64", "base64 -w 0", "base64 -w 7", "base32", "base32 -w 9", "od -An -v -tx1", "od -An -v -tx1 -w4",
    "od -An -v -tx1 | tr -d ' \\n'", "od -An -v -tx1 | tr a-f A-F", "od -An -v -tx1 | tr -d '\\n' | tr ' ' % ",
    "fold -w 3", "fold -b -w 5", "sed 's/./&\\n/g'", "tr a-z A-Z", "tr A-Z a-z",
    "sed 's/^/user:/' | base64", "sed 's/^/ab/' | base64", "sed 's/^/abc/' | base64 -w 11", "tr -d '\\n' | base64",
    "sed 's/^/k=/;s/$/;rest/' | base64", "base64 | tr +/ -_",
]  # fmt: skip


# fold splits the bytes of a character: what it prints of such a secret is no text.
CASES = [(pipe, secret) for pipe in PIPES for secret in SECRETS if "fold" not in pipe or secret.isascii()]


@pytest.mark.parametrize(("pipe", "secret"), CASES)
def test_what_one_pipe_makes_of_a_secret_is_hidden(secret: str, pipe: str) -> None:
    said = f"{secret}\n".encode()
    ran = subprocess.run(["sh", "-c", pipe], input=said, capture_output=True, check=True, env=os.environ | {"LC_ALL": "C.UTF-8"})
    printed = ran.stdout.decode()
    left = veil([secret.encode()])(f"before {printed} after")
    assert left.startswith("before ")
    assert left.endswith(" after")
    kept = left.removeprefix("before ").removesuffix(" after").replace("…", "").strip(" \n%")
    assert len(kept) <= 12, kept  # what was put beside the secret, not of it


@pytest.mark.parametrize("code", [quote, lambda s: quote(s, safe=""), lambda s: quote(s, safe="").lower()])
def test_it_is_hidden_url_coded(code) -> None:
    for secret in SECRETS[1:3]:
        assert "orrect" not in veil([secret.encode()])(f"https://x/?q={code(secret)}&b=1")
        assert veil([secret.encode()])(f"?q={quote(secret, safe='')}&b=1") == "?q=…&b=1"


def test_a_secret_is_hidden_as_it_is_in_base64_and_line_by_line() -> None:
    hide = veil([b"s3cret\n", KEY])
    assert hide("password=s3cret") == "password=…"
    assert hide(f"encoded {base64.b64encode(b's3cret').decode()}") == "encoded …"
    assert hide("read QUJDREVGRw== of it") == "read … of it"


def test_the_end_of_a_long_one_that_a_log_keeps_is_hidden_too() -> None:
    key = bytes(range(256)) * 8
    for printed in (base64.encodebytes(key).decode(), key.hex(" ", 1)):
        tail = printed[len(printed) // 2 :]
        assert len(veil([key])(f"{tail}\nended").replace("…", "")) <= 10 + len("\nended")


@pytest.mark.parametrize("code", [str, quote, lambda s: base64.urlsafe_b64encode(s.encode()).decode()])
def test_each_of_several_that_begin_alike_is_hidden_to_its_end(code) -> None:
    """As the versions of one whose password was changed."""
    secrets = [f"postgresql://db.shop.svc:5432/shop?user=shop&password={one}" for one in ("0ld-Passw0rd", "N3w+s3cret?>", "z" * 9)]
    hide = veil([secret.encode() for secret in secrets])
    assert [hide(f"to {code(secret)} now") for secret in secrets] == ["to … now"] * 3


def test_what_is_short_is_left_for_it_is_found_in_any_text() -> None:
    assert veil([b"1", b"abc", b""])("1 abc") == "1 abc"


@pytest.mark.parametrize(
    "text", ["all is well\n  at line 3\n", "2026-11-29T12:00:00Z GET /v2/apps 200 12ms", "Traceback (most recent call last):\n"]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert veil([b"hunter2-and-more", KEY, bytes(range(64))])(text) == text


@given(st.text(min_size=4, alphabet=st.characters(categories=("L", "N"))), st.text())
@example("aaaa", "a")
def test_nothing_of_a_secret_is_left(secret: str, around: str) -> None:
    assert secret not in veil([secret.encode()])(f"{around}{secret}{around}".replace("…", ""))


def test_it_takes_no_long_time_whatever_the_size() -> None:
    large = base64.b64encode(bytes(range(251)) * 3000)
    began = time.process_time()
    hide = veil([large, *(f"password number {n}".encode() for n in range(200))])
    hide("a line of a log that says nothing\n" * 2000)
    assert time.process_time() - began < 5


def test_logs_events_and_the_ends_of_containers_are_searched() -> None:
    hide = veil([b"s3cret"])
    ended = {"containerStatuses": [{"state": {"terminated": {"message": "no s3cret"}}}]}
    pod = {"metadata": {"name": "web"}, "spec": {"nodeName": "n"}, "status": ended}
    ref = LogRef(pod="web", container="web", previous=False)
    seen = veiled(Seen(pods=[pod], events=[{"message": "probe: s3cret", "count": 2}], logs={ref: "s3cret"}), hide)
    assert "s3cret" not in str(seen)
    assert seen.events[0]["count"] == 2
    assert seen.pods[0]["spec"] == pod["spec"]
