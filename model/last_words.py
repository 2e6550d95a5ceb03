"""What the last words of a program, or of the container runtime in its place, say about why it ended, and what helps.

Programs say such things alike in every language, because the words are the C library's and the kernel's (errno(3), ld.so(8)).
They choose a hint; what is *certain* by them is only what the runtime itself says of a program that it cannot even begin.
"""

import re

from model.base import Frozen
from model.causes import Cause

_LINES = 20
_NOT_ALLOWED = re.compile(r"permission denied", re.I)
_LOADER_FAILED = 127  # of glibc's and musl's loader
# runc's own line in the container's log, the only one there, when execve(2) refuses a file that it has found.
_EXEC = re.compile(
    r'(?:.*exec user process caused:? ?"?|exec (?P<program>\S.*): )(?P<why>exec format error|no such file or directory)"?\s*'
)
_LIBRARY = re.compile(
    r"error while loading shared libraries: (?P<glibc>[^\s:]+): cannot open|Error loading shared library (?P<musl>[^\s:]+):"
)
_HINTS = tuple(
    (re.compile(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        (
            r"address already in use|EADDRINUSE|bind: .*in use",
            "Something in the instance listens on that port already; the containers of one instance share their ports. Give each "
            "its own port, or start the program once, then roll out.",
        ),
        (
            r"read-only file system|EROFS",
            "It writes where nothing can be written: files of groups and volumes with readOnly are so. Have it write to "
            "dockerDataDir or dockerLogDir, then roll out.",
        ),
        (
            r"(/dev/shm|shared memory).*(no space left on device|ENOSPC)|(no space left on device|ENOSPC).*/dev/shm",
            "/dev/shm has 64 MB in every instance, whatever resources.disk is: have the program write elsewhere (dockerDataDir "
            "gives it a directory), or tell it to use less shared memory; then roll out.",
        ),
        (
            r"no space left on device|ENOSPC|disk quota exceeded",
            "The directory it writes to is full: raise resources.disk or the volume's sizeLimit, or have it write less; roll out.",
        ),
        (
            r"cannot find module|ModuleNotFoundError|No module named|ClassNotFoundException|NoClassDefFoundError"
            r"|cannot load such file",
            "The image lacks what the program imports: install it in the Dockerfile, build, and roll out.",
        ),
        (
            r"temporary failure in name resolution|name or service not known|no such host|could not resolve host|bad address '"
            r"|getaddrinfo|ENOTFOUND|nodename nor servname|name does not resolve",
            "The name it asks for is not known here: an app of the same project is reached as <app>, of another one as "
            "<app>.<project>.svc (GET /v2/nameservice/<project>/<app> tells). Correct it in its settings and roll out; an app that "
            "is not there yet has to be deployed first.",
        ),
        (
            r"connection refused|ECONNREFUSED",
            "What it connects to does not listen there: correct host and port in its settings, or deploy that first (in a stack: "
            "depends_on); then roll out.",
        ),
        (
            r"permission denied|EACCES|operation not permitted|EPERM",
            "The user that the image runs as may not do that: give it the files in the Dockerfile (COPY --chown, chmod), then "
            "build and roll out.",
        ),
    )
)


ENDED_WELL = (
    "Have the image or cmd start the program in the foreground, so that the container lasts as long as it does; or, where it is to "
    "run to its end, deploy it as a Job. Then roll out."
)
"""What helps an app of which the program ends with exit code 0."""


class Unstartable(Frozen):
    """Why a program that is in the image cannot be begun: `text` follows its name, which is "" where it is not known."""

    program: str
    text: str
    hint: str


def unstartable(log: str, exit_code: int, platform: str, host: str) -> Unstartable | None:
    """What is certain of a program by the words it left, from the runtime or the loader; None where they say nothing of it.

    `platform` and `host` are those of the node that it was to run on, "" where they are not known.
    """
    if exit_code == _LOADER_FAILED and (library := _LIBRARY.search(log)):
        name = library["glibc"] or library["musl"]
        return Unstartable(
            program="",
            text=f"needs the shared library {name!r}, which the image does not have",
            hint=f"Install what brings {name} in the Dockerfile, or use a base image that has it; build and roll out.",
        )
    match = _EXEC.fullmatch(log.strip())
    if match is None or exit_code not in (1, 127, 255):
        return None
    program = match["program"] or ""
    on = f"the host {host!r} is {platform}" if platform else "the host's is another"
    if match["why"] == "exec format error":
        target = platform or "the hosts' platform"
        return Unstartable(
            program=program,
            text=f"cannot be run: it was built for another platform ({on}), or is a script without #! in its first line",
            hint=f"Build the image for {target} (docker build --platform {platform or 'linux/<arch>'} …, or have the platform "
            "build it from its source), push it and roll out. A script needs a first line such as #!/bin/sh.",
        )
    return Unstartable(
        program=program,
        text="is in the image, but what it is run by is not: the interpreter in its first line (#!), or its loader",
        hint="Save a script with LF line ends (with CRLF the interpreter's name ends in an invisible CR; .gitattributes: *.sh text "
        "eol=lf) and name an interpreter that the image has. For a binary use a base image with the C library that it was "
        "built for, or link it statically. Then build and roll out.",
    )


def refused(why: str) -> tuple[str | None, Cause]:
    """What helps where the runtime refuses to execute a command for that reason, None for the common hint, and where it lies."""
    if _NOT_ALLOWED.search(why):
        return (
            "Make it executable in the Dockerfile (RUN chmod +x …), build and roll out; or correct cmd, where it is not what was "
            "meant to run.",
            Cause.SCRIPT,
        )
    return None, Cause.COMMAND


def unfinished_call(exit_code: int) -> str:
    """What helps where a shell could not run a command that it was told to, by its exit code, 126 or 127."""
    mend = "install that program" if exit_code == 127 else "make that program executable (chmod +x)"
    return f"Correct the script, or {mend} in the Dockerfile; build and roll out. Where cmd is the script, roll out with another."


def hint_of(log: str) -> str | None:
    """What helps by a program's last words, None where they are no known ones."""
    for line in reversed(log.splitlines()[-_LINES:]):
        for pattern, hint in _HINTS:
            if pattern.search(line):
                return hint
    return None
