"""The whole platform of one checkout: its settings, and which parts it has here."""

from collections.abc import Mapping
from functools import cached_property
from urllib.parse import quote

from deploy.local import credentials, external, tools
from deploy.local.layout import LOOPBACK, Layout, Port, find
from deploy.local.part import Part
from deploy.local.parts import names, simulated
from deploy.local.parts.access import Access
from deploy.local.parts.control_plane import ControlPlane
from deploy.local.parts.images import Images
from deploy.local.parts.metrics import Metrics, store_url
from deploy.local.parts.mooring import Mooring
from deploy.local.parts.node import Node
from deploy.local.parts.postgres import Postgres
from deploy.local.parts.runtime import Runtime
from deploy.local.parts.temporal import Database, Temporal
from deploy.local.supervision import Supervisor


class Platform:
    """What `make up`, `make down` and `make status` work on.

    `simulated_nodes` is how many of these the cluster shall have: 0 where they are to go, None where it never had any.
    """

    def __init__(self, layout: Layout, environ: Mapping[str, str], simulated_nodes: int | None = None) -> None:
        self.layout = layout
        kept = layout.simulated_nodes
        self.simulated_nodes = int(kept.read_text()) if simulated_nodes is None and kept.exists() else simulated_nodes
        self.supervisor = Supervisor(layout)
        self.external = external.discover(environ, self.embedded, self.supervisor.known())

    @cached_property
    def secrets(self) -> dict[str, str]:
        return credentials.load(self.layout.state / "credentials.json")

    @cached_property
    def embedded(self) -> dict[str, str]:
        """The settings that lead to the embedded parts."""
        database = f"postgresql://mooring:{quote(self.secrets['mooring'])}@{LOOPBACK}:{Port.POSTGRES}/mooring"
        return {
            "MOORING_STATE": str(self.layout.state),
            "MOORING_URL": f"http://{LOOPBACK}:8000",
            "MOORING_TOKEN": self.secrets["token"],
            "MOORING_SECRET_KEY": self.secrets["seal"],
            "MOORING_PYTHON": str(self.layout.python),
            "MOORING_REGISTRY": f"localhost:{Port.REGISTRY}",
            "MOORING_METRICS_URL": store_url(),
            "DATABASE_URL": database,
            "DOCKER_HOST": self.images.docker_host,
            "KUBECONFIG": str(self.access.kubeconfig("admin")),
            "KUBECTL": tools.KUBE.path(self.layout, "kubectl"),
            "TEMPORAL_ADDRESS": f"{LOOPBACK}:{Port.TEMPORAL}",
            "TEMPORAL_NAMESPACE": "mooring",
            "TEMPORAL_UI_URL": f"http://{LOOPBACK}:{Port.TEMPORAL_UI}",
            # The Git server of the demo and of the tests is on this machine.
            "MOORING_SOURCE_ALLOW": f"{LOOPBACK}/32",
        }

    @cached_property
    def settings(self) -> dict[str, str]:
        """What goes into the env file: the user's own settings where there are any, else the embedded parts'."""
        settings = {**self.embedded, **self.external.settings}
        if "temporal-ui" in self.external.replaced and "TEMPORAL_UI_URL" not in self.external.settings:
            del settings["TEMPORAL_UI_URL"]
        if "metrics-store" in self.external.replaced and "MOORING_METRICS_URL" not in self.external.settings:
            del settings["MOORING_METRICS_URL"]
        if "kubelet" in self.external.replaced and "KUBECTL" not in self.external.settings:
            settings["KUBECTL"] = find("kubectl") or "kubectl"
        return {**settings, external.MARKS: external.marks_of(settings, self.external)}

    @cached_property
    def postgres(self) -> Postgres:
        return Postgres(self.layout)

    @cached_property
    def temporal(self) -> Temporal:
        if "postgres" in self.external.replaced:
            return Temporal(self.layout, Database.beside(self.settings["DATABASE_URL"]))
        database = Database(LOOPBACK, Port.POSTGRES, "temporal", self.secrets["temporal"], "temporal")
        return Temporal(self.layout, database)

    @cached_property
    def access(self) -> Access:
        return Access(self.layout)

    @cached_property
    def runtime(self) -> Runtime:
        return Runtime(self.layout, self.settings["MOORING_REGISTRY"])

    @cached_property
    def node(self) -> Node:
        return Node(self.layout, self.access)

    @cached_property
    def images(self) -> Images:
        return Images(self.layout, self.secrets["registry"])

    @cached_property
    def mooring(self) -> Mooring:
        return Mooring(self.layout, self.settings, self.supervisor)

    @cached_property
    def metrics(self) -> Metrics:
        return Metrics(self.layout, self.access)

    @cached_property
    def all_parts(self) -> dict[str, Part]:
        """Every part the platform can have, in the order in which people read them."""
        address, namespace = self.settings["TEMPORAL_ADDRESS"], self.settings["TEMPORAL_NAMESPACE"]
        parts = [
            self.postgres.part(),
            self.temporal.part(),
            self.temporal.ui(address, namespace),
            *ControlPlane(self.layout, self.access, self.secrets["etcd"]).parts(),
            self.runtime.part(),
            *self.node.parts(),
            names.part(self.layout, self.access),
            *self.metrics.parts(),
            *([simulated.part(self.layout, self.access)] if self.simulated_nodes else []),
            *self.images.parts(),
            *self.mooring.parts(),
        ]
        return {part.name: part for part in parts}

    @cached_property
    def parts(self) -> dict[str, Part]:
        """The parts that run here: all but those the user already has."""
        return {name: part for name, part in self.all_parts.items() if name not in self.external.replaced}
