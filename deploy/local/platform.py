"""The whole platform of one checkout: its settings, and which parts it has here."""

from functools import cached_property
from urllib.parse import quote

from deploy.local import credentials, tools
from deploy.local.external import External
from deploy.local.layout import LOOPBACK, Layout, Port
from deploy.local.part import Part
from deploy.local.parts import names
from deploy.local.parts.access import Access
from deploy.local.parts.control_plane import ControlPlane
from deploy.local.parts.images import Images
from deploy.local.parts.mooring import Mooring
from deploy.local.parts.node import Node
from deploy.local.parts.postgres import Postgres
from deploy.local.parts.runtime import Runtime
from deploy.local.parts.temporal import Database, Temporal
from deploy.local.supervision import Supervisor


class Platform:
    """What `make up`, `make down` and `make status` work on."""

    def __init__(self, layout: Layout, external: External) -> None:
        self.layout = layout
        self.external = external
        self.supervisor = Supervisor(layout)

    @cached_property
    def secrets(self) -> dict[str, str]:
        return credentials.load(self.layout.state / "credentials.json")

    @cached_property
    def settings(self) -> dict[str, str]:
        """What goes into the env file: the user's own settings where there are any, else the embedded parts'."""
        get = self.external.get
        database = f"postgresql://mooring:{quote(self.secrets['mooring'])}@{LOOPBACK}:{Port.POSTGRES}/mooring"
        return {
            "MOORING_STATE": str(self.layout.state),
            "MOORING_EXTERNAL": " ".join(sorted(self.external.settings)),
            "MOORING_URL": get("MOORING_URL", f"http://{LOOPBACK}:8000"),
            "MOORING_TOKEN": get("MOORING_TOKEN", self.secrets["token"]),
            "MOORING_PYTHON": str(self.layout.python),
            "MOORING_REGISTRY": get("MOORING_REGISTRY", f"localhost:{Port.REGISTRY}"),
            "DATABASE_URL": get("DATABASE_URL", database),
            # The demo's Git server is on this machine; a platform for others keeps builds away from it.
            "MOORING_SOURCE_ALLOW": get("MOORING_SOURCE_ALLOW", "127.0.0.0/8"),
            "DOCKER_HOST": get("DOCKER_HOST", self.images.docker_host),
            "KUBECONFIG": get("KUBECONFIG", str(self.access.kubeconfig("admin"))),
            "KUBECTL": get("KUBECTL", tools.KUBE.path(self.layout, "kubectl")),
            "TEMPORAL_ADDRESS": get("TEMPORAL_ADDRESS", f"{LOOPBACK}:{Port.TEMPORAL}"),
            "TEMPORAL_NAMESPACE": get("TEMPORAL_NAMESPACE", "mooring"),
            "TEMPORAL_UI_URL": get("TEMPORAL_UI_URL", f"http://{LOOPBACK}:{Port.TEMPORAL_UI}"),
        }

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
    def images(self) -> Images:
        return Images(self.layout, self.secrets["registry"])

    @cached_property
    def mooring(self) -> Mooring:
        return Mooring(self.layout, self.settings, self.supervisor)

    @cached_property
    def all_parts(self) -> dict[str, Part]:
        """Every part the platform can have, in the order in which people read them."""
        address, namespace = self.settings["TEMPORAL_ADDRESS"], self.settings["TEMPORAL_NAMESPACE"]
        parts = [
            self.postgres.part(),
            self.temporal.part(),
            self.temporal.ui(address, namespace),
            *ControlPlane(self.layout, self.access).parts(),
            self.runtime.part(),
            *Node(self.layout, self.access).parts(),
            names.part(self.layout, self.access),
            *self.images.parts(),
            *self.mooring.parts(),
        ]
        return {part.name: part for part in parts}

    @cached_property
    def parts(self) -> dict[str, Part]:
        """The parts that run here: all but those the user already has."""
        return {name: part for name, part in self.all_parts.items() if name not in self.external.replaced}
