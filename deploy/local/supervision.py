"""The supervisor (the `supervisor` package): its configuration, and talking to it."""

import os
import shlex
import subprocess
import xmlrpc.client
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from deploy.local import wait
from deploy.local.failure import SetupError
from deploy.local.layout import Layout
from deploy.local.part import Part

# What a part sees of the environment of whoever starts it: no more than it needs, so that it runs alike every time.
KEPT = ("HOME", "LANG", "TZ", "USER", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")

# startsecs=0: a part that exits at once counts as having run, so it is started again every second or so; with the
# default, supervisor backs off longer each time and gives up after three.
PROGRAM = """
[program:{name}]
command={command}
environment={environment}
directory={directory}
autostart=false
autorestart=true
startsecs=0
stopsignal={stop_signal}
stopwaitsecs={stop_seconds}
stopasgroup=false
killasgroup=false
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=2
"""

HEAD = """; Written by `make up`.
[unix_http_server]
file={socket}
chmod=0600

[supervisord]
logfile={log}
logfile_maxbytes=5MB
logfile_backups=1
pidfile={pidfile}
identifier={state}
minfds=1024

[supervisorctl]
serverurl=unix://{socket}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""


def render(layout: Layout, parts: Iterable[Part]) -> str:
    """Return the supervisor's configuration for these parts."""
    head = HEAD.format(
        socket=layout.supervisor_socket,
        log=layout.logs / "supervisord.log",
        pidfile=layout.run / "supervisord.pid",
        state=layout.state,
    )
    return head + "".join(_program(layout, part) for part in parts)


def _program(layout: Layout, part: Part) -> str:
    return PROGRAM.format(
        name=part.name,
        command=_escape(shlex.join(part.command)),
        environment=_environment({**part.environment, "MOORING_STATE": str(layout.state)}),
        directory=layout.root,
        stop_signal=part.stop_signal,
        stop_seconds=part.stop_seconds,
        log=layout.logs / f"{part.name}.log",
    )


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def _environment(settings: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in settings.items())


class Supervisor:
    """The supervisor of this checkout, over its Unix socket."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @property
    def config_file(self) -> Path:
        return self.layout.state / "supervisord.conf"

    @property
    def _rpc(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.layout.supervisor_socket}")
        return xmlrpc.client.ServerProxy("http://localhost", transport=transport, allow_none=True).supervisor

    def owner(self) -> Path | None:
        """Return the state directory whose supervisor answers on this machine, or None where none does."""
        try:
            return Path(self._rpc.getIdentification())
        except (OSError, xmlrpc.client.Error):
            return None

    def pid(self) -> int:
        return int(self._rpc.getPID())

    def apply(self, parts: Iterable[Part]) -> None:
        """Start the supervisor if need be and have it know exactly these parts; starts none of them.

        A part whose command, environment or configuration differs from what runs is stopped, to be started anew.
        """
        self.config_file.touch(mode=0o600)
        self.config_file.write_text(render(self.layout, parts))
        if self.owner() is None:
            self._launch()
            return
        added, changed, removed = self._rpc.reloadConfig()[0]
        for name in (*changed, *removed):
            self.stop(name)
            self._rpc.removeProcessGroup(name)
        for name in (*changed, *added):
            self._rpc.addProcessGroup(name)

    def _launch(self) -> None:
        command = [str(self.layout.python), "-m", "supervisor.supervisord", "-c", str(self.config_file)]
        done = subprocess.run(command, env=_clean_environment(self.layout), capture_output=True, text=True)
        if done.returncode:
            raise SetupError(f"The supervisor did not start: {done.stderr.strip() or done.stdout.strip()}")
        wait.until(lambda: wait.require(self.owner() is not None, "the supervisor does not answer"), seconds=15)

    def processes(self) -> list[dict[str, Any]]:
        """Return what supervisor knows of each part: name, statename, pid, start, logfile, …"""
        return list(self._rpc.getAllProcessInfo())

    def known(self) -> frozenset[str]:
        """Return the names of the parts under the supervisor of this checkout; none where it does not run."""
        if self.owner() != self.layout.state:
            return frozenset()
        return frozenset(process["name"] for process in self.processes())

    def pid_of(self, name: str) -> int:
        return int(self._rpc.getProcessInfo(name)["pid"])

    def running(self, name: str) -> bool:
        return bool(self._rpc.getProcessInfo(name)["statename"] in ("RUNNING", "STARTING"))

    def start(self, name: str) -> None:
        """Start a part unless it runs."""
        if not self.running(name):
            self._rpc.startProcess(name, False)

    def stop(self, name: str) -> None:
        """Stop a part and wait until it has ended; one that does not run is left alone."""
        try:
            self._rpc.stopProcess(name)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString and "BAD_NAME" not in fault.faultString:
                raise

    def shut_down(self) -> None:
        """End the supervisor, and whatever it still runs."""
        pid = self.pid()
        self._rpc.shutdown()
        wait.until(lambda: wait.require(not psutil.pid_exists(pid), "the supervisor is still there"), seconds=60)


def _clean_environment(layout: Layout) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**kept, "PATH": path, "MOORING_STATE": str(layout.state), "MOORING_PART": "supervisor"}
