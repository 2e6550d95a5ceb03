"""What a part of the platform is: a supervised process, its configuration, and when it is ready."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """A process that the supervisor keeps running.

    `ready` returns nothing once the part does its work, and raises anything as long as it does not. `config` is
    written before the part starts; its digest goes into the part's environment, so that a changed file restarts it.
    `ready_needs` names the parts without which `ready` cannot hold: the time for it (`ready_seconds`) counts only from when
    all of them are ready themselves, however long their builds take.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[], None]
    config: Mapping[Path, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    ready_seconds: int = 90
    ready_needs: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        return {**self.env, "MOORING_PART": self.name, "MOORING_CONFIG": self.fingerprint}

    @property
    def fingerprint(self) -> str:
        text = "\0".join(f"{path}\0{content}" for path, content in sorted(self.config.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def write_config(self) -> None:
        """Write the configuration files, owner-readable only since some hold passwords; repeatable."""
        for path, content in self.config.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != content:
                path.touch(mode=0o600)
                path.write_text(content)


@dataclass(frozen=True)
class Step:
    """One piece of bringing the platform up; it must be safe to repeat, for an interrupted `make up` starts over.

    `run` gets a function that takes a few words on what is going on right now, for the progress display.
    """

    name: str
    run: Callable[[Callable[[str], None]], None]
    needs: tuple[str, ...] = ()
