"""Where images are built and kept: the registry, and Docker Engine as the builder."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from deploy.local import probes, tools
from deploy.local.layout import BUILD_BRIDGE, LOOPBACK, Layout, Port, find, program
from deploy.local.part import Part
from deploy.local.parts.control_plane import flags
from deploy.local.parts.runtime import SOCKET

START = Path(__file__).parent / "dockerd.sh"


class Images:
    """The registry and the builder of one checkout."""

    def __init__(self, layout: Layout, secret: str) -> None:
        self.layout = layout
        self.secret = secret

    @property
    def docker_host(self) -> str:
        return f"unix://{self.layout.run / 'docker.sock'}"

    def parts(self) -> Iterator[Part]:
        yield self._registry()
        yield self._dockerd()

    def _registry(self) -> Part:
        config = self.layout.config / "registry.yaml"
        settings = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.layout.data / "registry")},
                "delete": {"enabled": True},
                "cache": {"blobdescriptor": "inmemory"},
            },
            "http": {"addr": f"{LOOPBACK}:{Port.REGISTRY}", "secret": self.secret},
        }
        return Part(
            name="registry",
            ports=(Port.REGISTRY,),
            command=(tools.REGISTRY.path(self.layout, "registry"), "serve", str(config)),
            ready=lambda: probes.http_ok(f"http://{LOOPBACK}:{Port.REGISTRY}/v2/"),
            config={config: yaml.safe_dump(settings, sort_keys=False)},
        )

    def _dockerd(self) -> Part:
        run = self.layout.run
        options = {
            "host": self.docker_host,
            "data-root": self.layout.data / "docker",
            "exec-root": run / "docker",
            "pidfile": run / "docker.pid",
            "storage-driver": "overlay2",
            "exec-opt": "native.cgroupdriver=cgroupfs",
            # It leaves the machine's packet filter alone: its own rules would drop what is forwarded between pods.
            "bridge": BUILD_BRIDGE,
            "iptables": "false",
            "ip6tables": "false",
            "ip-masq": "false",
            "ip-forward": "false",
            "userland-proxy": "false",
            "oom-score-adjust": 0,
            "shutdown-timeout": 5,
            "log-level": "warn",
        }
        hide = (program("unshare"), "--mount", "--propagation", "slave", "--", "/bin/sh", str(START))
        return Part(
            name="dockerd",
            command=(*hide, str(SOCKET.parent), str(run / "docker"), find("dockerd") or "dockerd", *flags(options)),
            ready=lambda: probes.command_ok(find("docker") or "docker", "-H", self.docker_host, "version"),
            stop_seconds=20,
        )
