"""What Git and the image builder say when a build fails, and what helps: their words are fixed and read only here."""

import re

from model.causes import Cause
from model.errors import BuildFailed, MooringError, SourceUnreachable

# What a program writes to colour its words, or to move about on a terminal (ECMA-48: control sequences).
_ESCAPES = re.compile(r"(\x1b\[|\x9b)[0-?]*[ -/]*[@-~]")
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.I)
# Of what a retry alone may bring: another's registry that limits what it gives, or does not answer.
_MAY_COME = re.compile(r"toomanyrequests|429 too many requests|i/o timeout|connection refused", re.I)
_BUILD = tuple(
    (re.compile(pattern, re.I), hint)
    for pattern, hint in (
        (
            r"manifest for \S+ not found|manifest unknown|repository \S+ not found|pull access denied|not found: manifest",
            "The base image in FROM is not there, or not for everybody: correct its name and tag, or push it to the platform's "
            "registry and name it there.",
        ),
        (
            r"(COPY|ADD) failed: .*(no such file|not found|no source files)",
            "The Dockerfile copies a file that the source does not have, below contextPath: push the file, correct the path, or "
            "take it out of .dockerignore.",
        ),
        (
            r"returned a non-zero code: 127\b",
            "RUN calls a program that the base image does not have: install it in an earlier RUN, or use another base image.",
        ),
        (
            r"temporary failure (in name )?resol|could not resolve|name or service not known|bad address",
            "RUN asks for a host that is not known from the builder: correct the name, or bring what it downloads along in the "
            "source.",
        ),
        (
            r"toomanyrequests|429 too many requests",
            "The base image's registry limits how much it gives: wait and retry, or push that image to the platform's registry.",
        ),
        (
            r"(dial tcp|lookup|i/o timeout|connection refused|no such host|x509)",
            "The base image's registry does not answer the builder: correct its name in FROM, or push the base image to the "
            "platform's registry.",
        ),
        (
            r"dockerfile parse error|unknown instruction|unknown flag",
            "Correct the line that the message names (the builder is Docker's classic one).",
        ),
    )
)
_GIT = tuple(
    (re.compile(pattern, re.I), told, hint, cause)
    for pattern, told, hint, cause in (
        (
            r"could not read Username|Authentication failed|terminal prompts disabled|HTTP 40[13]|returned error: 40[13]",
            "It asks for a login, and builds read as nobody in particular; a server asks so also for what it does not have",
            "Correct the address, or let everybody read the repository.",
            Cause.ADDRESS,
        ),
        (
            r"repository .* not found|not found: did you run git update-server-info|requested URL returned error: 404",
            "The server has no such repository",
            "Correct the repository's address, or create and push it there.",
            Cause.ADDRESS,
        ),
        (
            r"Could not resolve host",
            "Its host is not known here",
            "Correct the host in the repository's address.",
            Cause.ADDRESS,
        ),
        (
            r"Connection refused|Failed to connect|timed out|Couldn't connect",
            "Its host does not answer there",
            "See whether the Git server runs, and whether host and port in the address are right.",
            Cause.AWAY,
        ),
        (
            r"SSL certificate|certificate verify|server certificate",
            "Its certificate is not one that is trusted here",
            "Use an address with a valid certificate.",
            Cause.ADDRESS,
        ),
        (
            r"empty reply|unexpected disconnect|early EOF|RPC failed|File size limit",
            "The transfer broke off: the server ended it, or the repository is larger than a build may fetch",
            "If it stays so, keep large files out of the repository.",
            Cause.AWAY,
        ),
    )
)


def is_full(said: str) -> bool:
    """Whether the builder's own disk is full: no fault of the Dockerfile.

    >>> is_full("write /var/lib/docker/x: no space left on device")
    True
    """
    return bool(_FULL.search(said))


def build_hint(said: str) -> str | None:
    """What helps against what the builder says, None where it is nothing known."""
    return next((hint for pattern, hint in _BUILD if pattern.search(said)), None)


def build_cause(said: str) -> Cause | None:
    """Cause.AWAY where the same build may end otherwise a while later.

    >>> build_cause("toomanyrequests: You have reached your pull rate limit."), build_cause("unknown instruction: RUNN")
    (<Cause.AWAY: 'away'>, None)
    """
    return Cause.AWAY if _MAY_COME.search(said) else None


def git_cause(complaint: str) -> tuple[str, str, Cause] | None:
    """Why a repository cannot be read, by Git's complaint, what helps, and where it lies; None where it is nothing known."""
    return next(((told, hint, cause) for pattern, told, hint, cause in _GIT if pattern.search(complaint)), None)


def plain(said: str) -> str:
    r"""Words of a build without what colours them on a terminal: Docker's classic builder marks so what went to stderr.

    >>> plain("\x1b[91mno rule to make target\x1b[0m\n")
    'no rule to make target\n'
    """
    return _ESCAPES.sub("", said)


def way_out(failed: MooringError, project: str, name: str, *, sent: bool) -> str:
    """The hint of a failed build with what has to follow once that is mended; `sent` says that a directory is built.

    A retry takes the repository's newest commit, but by the address, the branch and the paths that the operation began with.
    """
    place = f"/v2/builds/{project}/{name}"
    if failed.cause is Cause.AWAY:
        correct = f" To correct the address: PUT {place}, then POST {place}/build." if isinstance(failed, SourceUnreachable) else ""
        return f"{failed.hint} Retry when it answers.{correct}"
    again = f"send the directory again (POST /v2/builds/{project}/sources) and build that: a retry builds what was sent before."
    if isinstance(failed, BuildFailed):
        return f"{failed.hint} " + (f"Then {again}" if sent else "Push that, then retry: it takes the newest commit.")
    if failed.cause is None:
        return failed.hint
    if sent:
        return f"{failed.hint} To correct it there: PUT {place}. Then {again}"
    asks = "a retry asks for the same as before, so it helps only once the repository has that."
    return f"{failed.hint} To correct what is built: PUT {place}, then POST {place}/build; {asks}"
