"""The steps of `make up`, and what each waits for: the whole bring-up on one page."""

from collections.abc import Callable, Iterator

from deploy.local import tools, wait
from deploy.local.failure import SetupError
from deploy.local.part import Part, Step
from deploy.local.parts.temporal import make_namespace
from deploy.local.platform import Platform


class Steps:
    """All steps for one platform; a need that is not among them (the user has that part) counts as met."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.parts = platform.parts

    def all(self) -> list[Step]:
        return [*self._databases(), *self._temporal()]

    def _databases(self) -> Iterator[Step]:
        if "postgres" in self.parts:
            yield _step("Prepare PostgreSQL", self.platform.postgres.prepare)
            yield self._start("postgres", needs=["Prepare PostgreSQL"])
            yield _step("Roles and databases", self._set_up_roles, ["Start postgres"])

    def _temporal(self) -> Iterator[Step]:
        address, namespace = (self.platform.settings[name] for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"))
        if "temporal" in self.parts:
            yield self._build(tools.TEMPORAL)
            yield _step("Temporal's schema", self._set_up_schema, ["Roles and databases", "Build temporal"])
            yield self._start("temporal", needs=["Temporal's schema"])
            yield self._build(tools.TEMPORAL_UI)
            yield self._start("temporal-ui", needs=["Build temporal-ui"])
        yield _step("Temporal's namespace", lambda say: make_namespace(address, namespace), ["Start temporal"])

    def _set_up_roles(self, say: Callable[[str], None]) -> None:
        if not self.platform.supervisor.running("temporal"):
            secrets, temporal = self.platform.secrets, self.platform.temporal.database
            roles = {name: secrets[name] for name in ("mooring", "temporal")}
            databases = {"mooring": "mooring", temporal.name: "temporal", temporal.visibility: "temporal"}
            self.platform.postgres.set_up(roles, databases)

    def _set_up_schema(self, say: Callable[[str], None]) -> None:
        # A server that runs has found its schema; asking again would take a second of every `make up`.
        if not self.platform.supervisor.running("temporal"):
            self.platform.temporal.set_up_schema(say)

    def _build(self, tool: tools.Tool) -> Step:
        return _step(f"Build {tool.name}", lambda say: tools.build(tool, self.platform.layout, say))

    def _start(self, name: str, needs: list[str]) -> Step:
        part = self.parts[name]

        def start(say: Callable[[str], None]) -> None:
            part.write_config()
            self.platform.supervisor.start(name)
            self._await_ready(part)

        return _step(f"Start {name}", start, needs)

    def _await_ready(self, part: Part) -> None:
        try:
            wait.until(part.ready, part.ready_seconds)
        except TimeoutError as failure:
            log = self.platform.layout.logs / f"{part.name}.log"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
            raise SetupError(f"{part.name} is not ready {failure}\nThe end of {log}:\n{tail}") from failure


def _step(name: str, run: Callable[[Callable[[str], None]], None], needs: list[str] | None = None) -> Step:
    return Step(name, run, tuple(needs or ()))
