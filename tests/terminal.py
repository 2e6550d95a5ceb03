"""A command in a real terminal, as a person has it."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Pseudo:
    """`python -m cli` in a pseudo terminal; `seen` is all that it showed."""

    def __init__(self, *words: str, rows: int, cols: int) -> None:
        self.seen = ""
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            os.chdir(ROOT)
            # Whoever runs the tests in the background has Ctrl-C ignored, and what he starts with him; a person's shell has not.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execv(sys.executable, [sys.executable, "-m", "cli", *words])
        self.resize(rows, cols)

    def resize(self, rows: int, cols: int) -> None:
        """Give the window another size, and tell the command as a terminal does."""
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        os.kill(self._pid, signal.SIGWINCH)

    def type(self, keys: str) -> None:
        """Press the keys."""
        os.write(self._file, keys.encode())

    def sees(self, words: str, seconds: float = 20) -> None:
        """Read until the words are shown; fail with what is shown instead."""
        until = time.monotonic() + seconds
        while words not in self.seen:
            assert self._read(until), f"{words!r} is not shown within {seconds} s, but: {self.seen!r}"

    def end(self, seconds: float = 20) -> int:
        """The exit status, once all is read."""
        until = time.monotonic() + seconds
        while self._read(until):
            pass
        _, status = os.waitpid(self._pid, 0)
        os.close(self._file)
        return os.waitstatus_to_exitcode(status)

    def _read(self, until: float) -> bool:
        ready, _, _ = select.select([self._file], [], [], max(0.0, until - time.monotonic()))
        try:
            data = os.read(self._file, 4096) if ready else b""
        except OSError:  # the command has ended (EIO)
            data = b""
        self.seen += data.decode(errors="replace")
        return bool(data)
