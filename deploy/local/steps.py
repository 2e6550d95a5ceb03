"""The steps of `make up`, and what each waits for: the whole bring-up on one page."""

from collections.abc import Callable, Iterator, Sequence, Set

from deploy.local import base_images, command, later, network, packages, python_image, tools, wait
from deploy.local.failure import SetupError
from deploy.local.part import Part, Step
from deploy.local.parts import metrics, names, simulated
from deploy.local.parts.objects import Object, documents
from deploy.local.parts.temporal import make_namespace
from deploy.local.platform import Platform


class Steps:
    """All steps for one platform; a need that is not among them (the user has that part) counts as met."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.layout = platform.layout
        self.parts = platform.parts

    def at_once(self) -> list[Step]:
        """What `make up` waits for."""
        return [
            *self._machine(),
            *self._databases(),
            *self._temporal(),
            *self._cluster(),
            *self._simulated(),
            *self._metrics(later.PARTS.keys() - later.unbuilt(self.layout)),
            *self._images(),
            *self._mooring(),
        ]

    def later(self) -> list[Step]:
        """What joins by itself once it is built; nothing where that has been done."""
        return list(self._metrics(later.unbuilt(self.layout)))

    def _machine(self) -> Iterator[Step]:
        needed = packages.wanted(self.parts)
        yield _step("Install Debian packages", lambda say: packages.install(needed, self.layout, say))
        if "kubelet" in self.parts or "dockerd" in self.parts:
            yield _step("Set up the network", lambda say: network.set_up(self.layout), ["Install Debian packages"])

    def _databases(self) -> Iterator[Step]:
        if "postgres" in self.parts:
            yield _step("Prepare PostgreSQL", self.platform.postgres.prepare)
            yield self._start("postgres", needs=["Prepare PostgreSQL"])
            yield _step("Roles and databases", self._set_up_roles, ["Start postgres"])

    def _temporal(self) -> Iterator[Step]:
        address, namespace = (self.platform.settings[name] for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"))
        if "temporal" in self.parts:
            yield from self._build(tools.TEMPORAL)
            yield _step("Temporal's schema", self._set_up_schema, ["Roles and databases", "Build temporal"])
            yield self._start("temporal", needs=["Temporal's schema"])
            yield from self._build(tools.TEMPORAL_UI)
            yield self._start("temporal-ui", needs=["Build temporal-ui"])
        yield _step("Temporal's namespace", lambda say: make_namespace(address, namespace), ["Start temporal"])

    def _cluster(self) -> Iterator[Step]:
        if "kubelet" not in self.parts:
            return
        yield _step("Make the cluster's certificates", lambda say: self.platform.access.make())
        for tool in (tools.ETCD, tools.KUBE, tools.RUNTIME, tools.COREDNS, tools.PAUSE):
            yield from self._build(tool)
        yield self._start("etcd", needs=["Build etcd"])
        ground = ["Build kubernetes", "Make the cluster's certificates", "Set up the network"]
        yield self._start("kube-apiserver", needs=ground)
        for name in ("kube-controller-manager", "kube-scheduler", "kube-proxy"):
            yield self._start(name, needs=ground)
        yield self._start("containerd", needs=["Build containerd", "Set up the network"])
        yield _step("The kubelet's directory", lambda say: self.platform.node.mount_root())
        yield self._start("kubelet", needs=[*ground, "The kubelet's directory"])
        yield _step("The cluster's own objects", self._apply_objects, ["Start kube-apiserver"])
        yield self._start("coredns", needs=["Build coredns", "The cluster's own objects"])
        yield _step("The sandbox image", self._import_pause, ["Build pause", "Start containerd", "Start dockerd"])

    def _metrics(self, wanted: Set[str]) -> Iterator[Step]:
        cluster = ["The cluster's own objects", "Start kubelet"]
        ours = self.parts.keys() & wanted
        if "metrics-store" in ours:
            yield from self._build(tools.VICTORIA_METRICS)
            yield self._start("metrics-store", needs=["Build victoria-metrics", *cluster])
        if "metrics-server" in ours:
            yield from self._build(tools.METRICS_SERVER)
            yield self._start("metrics-server", needs=["Build metrics-server", *cluster])
            yield _step("The metrics API", self._publish_metrics, ["Start metrics-server"])

    def _simulated(self) -> Iterator[Step]:
        count = self.platform.simulated_nodes
        if count is None or "kubelet" not in self.parts:
            return
        # After the kubelet: the real node's pods have the first share of the pod network.
        ready = ["The cluster's own objects", "Start kubelet"]
        if count:
            yield from self._build(tools.KWOK)
            yield self._start("kwok", needs=["Build kwok", *ready])
        yield _step("The simulated nodes", lambda say: self._set_simulated(count), ["Start kwok", *ready])

    def _images(self) -> Iterator[Step]:
        if "dockerd" in self.parts:
            yield self._start("dockerd", needs=["Set up the network"])
        if "registry" in self.parts:
            yield from self._build(tools.REGISTRY)
            yield self._start("registry", needs=["Build registry"])
            # Only ours is filled without being asked.
            ground = ["Install Debian packages", "Start registry", "Start dockerd"]
            yield _step("The base images", self._publish_busybox, ground)
            yield _step("The Python image", self._publish_python, ground)

    def _mooring(self) -> Iterator[Step]:
        yield _step("Mooring's schema", self._migrate, ["Roles and databases"])
        outside = ["Temporal's namespace", "Start kube-apiserver", "Start dockerd", "Start registry"]
        for name in ("worker", "api"):
            yield self._start(name, needs=["Mooring's schema", *outside])

    def _migrate(self, say: Callable[[str], None]) -> None:
        # A change of the code stops both before the steps begin.
        if not all(self.platform.supervisor.running(name) for name in ("worker", "api")):
            self.platform.mooring.migrate()

    def _apply_objects(self, say: Callable[[str], None]) -> None:
        simulating = [*simulated.roles(), *simulated.admission()] if self.platform.simulated_nodes else []
        self._apply([*names.objects(), *metrics.roles(), *simulating])
        if "metrics-server" in later.unbuilt(self.layout):
            self._kubectl("delete", "apiservice", metrics.API, "--ignore-not-found")

    def _publish_metrics(self, say: Callable[[str], None]) -> None:
        self._apply(self.platform.metrics.objects())
        self._await("The cluster's metrics API", self.platform.metrics.served, 60)

    def _set_simulated(self, count: int) -> None:
        access = self.platform.access
        wanted = simulated.names(count)
        extra = [name for name in simulated.present(access) if name not in wanted]
        if extra:
            self._kubectl("delete", "node", *extra)
        if count:
            self._apply(simulated.nodes(count))
            self._await("The simulated nodes", lambda: simulated.all_ready(access, count), 60)
        else:
            unneeded = documents([*simulated.admission(), *simulated.roles()])
            self._kubectl("delete", "--ignore-not-found", "-f", "-", stdin=unneeded)
            self.layout.simulated_nodes.unlink()

    def _apply(self, objects: Sequence[Object]) -> None:
        self._kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=documents(objects))

    def _kubectl(self, *words: str, stdin: str | None = None) -> None:
        kubectl, kubeconfig = tools.KUBE.path(self.layout, "kubectl"), self.platform.access.kubeconfig("admin")
        command.run([kubectl, "--kubeconfig", str(kubeconfig), *words], self.layout.logs / "setup.log", stdin=stdin)

    def _import_pause(self, say: Callable[[str], None]) -> None:
        base_images.import_pause(self.layout, self.platform.settings["DOCKER_HOST"], self.platform.runtime, say)

    def _publish_busybox(self, say: Callable[[str], None]) -> None:
        settings = self.platform.settings
        base_images.publish_busybox(self.layout, settings["DOCKER_HOST"], settings["MOORING_REGISTRY"], say)

    def _publish_python(self, say: Callable[[str], None]) -> None:
        settings = self.platform.settings
        python_image.publish(self.layout, settings["DOCKER_HOST"], settings["MOORING_REGISTRY"], say)

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

    def _build(self, tool: tools.Tool) -> Iterator[Step]:
        yield _step(f"Fetch {tool.name}", lambda say: tools.fetch(tool, self.layout, say))
        yield _step(f"Build {tool.name}", lambda say: tools.build(tool, self.layout, say), [f"Fetch {tool.name}"])

    def _start(self, name: str, needs: list[str]) -> Step:
        """A part's start, which ends with its readiness: it begins when what that needs is ready, too."""
        part = self.parts[name]
        needs = [*needs, *(f"Start {other}" for other in part.ready_needs)]

        def start(say: Callable[[str], None]) -> None:
            part.write_config()
            self.platform.supervisor.start(name)
            self._await_ready(part)

        return _step(f"Start {name}", start, needs)

    def _await(self, what: str, check: Callable[[], None], seconds: float) -> None:
        try:
            wait.until(check, seconds)
        except TimeoutError as failure:
            raise SetupError(f"{what}: not there {failure}") from failure

    def _await_ready(self, part: Part) -> None:
        try:
            wait.until(part.ready, part.ready_seconds)
        except TimeoutError as failure:
            log = self.layout.logs / f"{part.name}.log"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
            raise SetupError(f"{part.name} is not ready {failure}\nThe end of {log}:\n{tail}") from failure


def _step(name: str, run: Callable[[Callable[[str], None]], None], needs: list[str] | None = None) -> Step:
    return Step(name, run, tuple(needs or ()))
