"""What a Dockerfile may have the builder reach for."""

import pytest

from model.dockerfiles import check_dockerfile, owners_for
from model.errors import BuildFailed
from model.images import Registries

REGISTRIES = Registries.listed("localhost:5000", "docker.io, registry.example.com:5000")
OWNERS = owners_for("shop", "ann")


@pytest.mark.parametrize(
    "text",
    [
        "FROM localhost:5000/public/busybox\nRUN echo ADD http://x /y\nCOPY . .\n",
        "FROM localhost:5000/shop/base:v1 AS build\nFROM localhost:5000/user_ann/t\nCOPY --from=build /a /a\nCOPY --from=0 /b /\n",
        "ARG V=1.35\nFROM --platform=linux/amd64 localhost:5000/public/busybox:${V}\nADD ./$V.tar /x\nADD a b /c/\n",
        "FROM busybox\n# ADD http://x /y\nRUN a && \\\n# a comment\n  b\n",
        "ARG R=localhost:5000\nARG I=${R}/public/x\nFROM $I:v1\nARG I=y\nFROM ${R}/public/busybox\n",
        "FROM registry.example.com:5000/team/x\nFROM scratch\n",
    ],
)
def test_fine(text: str) -> None:
    check_dockerfile(text, REGISTRIES, OWNERS)


@pytest.mark.parametrize(
    "text",
    [
        "FROM localhost:5000/bank/secret:v1",
        "from LOCALHOST:5000/bank/secret",
        "FROM 127.0.0.1:5000/bank/secret",
        "FROM localhost.:5000/bank/secret",
        "FROM [::1]:5000/bank/secret",
        "FROM 127.1:5000/bank/secret",
        "FROM 0.0.0.0:5000/bank/secret",
        "FROM 0:5000/bank/secret",
        "FROM localhost:05000/bank/secret",
        "FROM localhost/bank/secret",
        "FROM LOCALHOST/bank/secret",
        "FROM registry.example.com/team/x",
        "FROM ghcr.io/team/x",
        "FROM localhost:5000/public/x\nCOPY --from=ghcr.io/team/x /x /x",
        "FROM localhost:5000/user_bob/secret",
        "ARG I=localhost:5000/bank/x\nFROM $I",
        "ARG I=busybox\nARG I=localhost:5000/bank/x\nFROM $I",
        "FROM ${X:-localhost:5000/bank/x}",
        "ARG I='localhost:5000/bank/x'\nFROM $I",
        "ARG A=localhost\nARG B=${A}:5000/bank\nFROM ${B}/x",
        "ARG P=5000/bank/x\nFROM localhost:$P",
        "FROM busybox AS a\nCOPY --from=localhost:5000/bank/secret /x /x",
        "FROM busybox\nCOPY --chown=1 --from=$X /x /x",
        "FROM busybox\nADD http://127.0.0.1:8233/ /x",
        'FROM busybox\nADD --chown=1 ["HTTPS://x/", "/x"]',
        "FROM busybox\nENV U=http://x\nADD $U /x",
        "FROM busybox\nADD 'http://x' /x",
        "FROM busybox\nADD \\\n# between\n  http://x /x",
        "FROM busybox\nONBUILD ADD http://x /x",
        "# escape=`\nFROM busybox\nADD `\n http://x /x",
        "FROM busybox\n" + "#" * 300_000,
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(BuildFailed, match="Dockerfile"):
        check_dockerfile(text, REGISTRIES, OWNERS)


def test_by_default_a_build_takes_the_platforms_own_images_only_and_is_told_how_to_write_them() -> None:
    alone = Registries(own="localhost:5000")
    check_dockerfile("FROM localhost:5000/public/busybox\n", alone, OWNERS)
    with pytest.raises(BuildFailed) as refused:
        check_dockerfile("FROM python:3.11\n", alone, OWNERS)
    assert "docker.io" in refused.value.message
    assert "localhost:5000/public/" in refused.value.hint


BASES = {"public/busybox": ["1.35", "latest"], "public/python": ["3", "3.11", "latest"]}


@pytest.mark.parametrize(
    ("image", "write"),
    [
        ("python:3.11-slim", "localhost:5000/public/python:3.11."),
        ("python:3.11.9-alpine", "localhost:5000/public/python:3.11."),
        ("python", "localhost:5000/public/python:latest."),
        ("docker.io/library/python:3", "localhost:5000/public/python:3."),
        ("python:2.7", "localhost:5000/public/python with a tag that it has: 3, 3.11, latest."),
        ("public/python:3.11", "localhost:5000/public/python:3.11."),
        ("shop/base:v1", "localhost:5000/shop/base:v1."),
        ("node:22", "GET /v2/images tells which there are."),
    ],
)
def test_an_image_of_elsewhere_is_told_with_the_nearest_that_there_is(image: str, write: str) -> None:
    with pytest.raises(BuildFailed) as refused:
        check_dockerfile(f"FROM {image}\n", Registries(own="localhost:5000"), OWNERS, BASES)
    assert write in refused.value.hint
    assert "has to be written in a Dockerfile" in refused.value.message
    assert "need not be written" not in refused.value.message
