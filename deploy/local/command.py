"""Running a foreign program during set-up: its output goes to a log, and Ctrl-C ends it."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local import wait
from deploy.local.failure import SetupError

_running: set[subprocess.Popen[str]] = set()


def interrupt() -> None:
    """End every program that `run` waits for in any thread, and have everything that waits give up."""
    wait.interrupted.set()
    for process in list(_running):
        process.terminate()


def run(
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    stdin: str | None = None,
) -> str:
    """Run the program to its end and return its output, handing on each line as it comes.

    Errors: SetupError with the last lines of output on a status other than 0; Interrupted after Ctrl-C.
    """
    process = subprocess.Popen(
        command,
        env=env,
        cwd=cwd,
        text=True,
        errors="replace",
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines: list[str] = []
    _running.add(process)
    try:
        if stdin is not None and process.stdin:
            process.stdin.write(stdin)
            process.stdin.close()
        with open(log, "a") as out:
            out.write(f"$ {' '.join(command)}\n")
            for line in process.stdout or ():
                out.write(line)
                lines.append(line)
                if on_line:
                    on_line(line.rstrip())
        status = process.wait()
    finally:
        _running.discard(process)
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=10)
    if wait.interrupted.is_set():
        raise wait.Interrupted
    if status:
        tail = "".join(lines[-12:]).rstrip()
        raise SetupError(f"{' '.join(command[:3])} … ended with status {status} (all of it: {log})\n{tail}")
    return "".join(lines)
