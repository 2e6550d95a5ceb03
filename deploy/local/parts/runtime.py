"""containerd: runs the node's containers, with runc and the CNI plugins of Debian's packages."""

import os
from pathlib import Path

from deploy.local import probes, tools
from deploy.local.layout import NODE_SUBNET, POD_BRIDGE, Layout
from deploy.local.part import Part

# The kubelet finds container metrics at this path and no other.
SOCKET = Path("/run/containerd/containerd.sock")
# containerd's directory of each container of Kubernetes, in the directory of sockets.
BUNDLES = "containerd/io.containerd.runtime.v2.task/k8s.io/*"
# It never comes from a registry: it is imported, so that the first pod waits for no pull.
PAUSE_IMAGE = "mooring.local/pause:1"
CNI_PLUGINS = ("/usr/lib/cni", "/opt/cni/bin")
CONFIG = """version = 3
root = '{root}'
state = '{state}'
disabled_plugins = [
  'io.containerd.snapshotter.v1.blockfile', 'io.containerd.snapshotter.v1.btrfs', 'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.erofs', 'io.containerd.snapshotter.v1.zfs', 'io.containerd.nri.v1.nri',
  'io.containerd.tracing.processor.v1.otlp', 'io.containerd.internal.v1.tracing',
]

[debug]
  level = 'warn'

[grpc]
  address = '{socket}'

[plugins.'io.containerd.cri.v1.images']
  max_concurrent_downloads = 8

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '{pause}'

[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '{hosts}'

[plugins.'io.containerd.cri.v1.runtime']
  # A machine without CAP_SYS_RESOURCE may not lower a score; without this runc fails with "can't get final child's PID".
  restrict_oom_score_adj = true
  # Then the pods' network namespaces are ours to find, and to clear away.
  netns_mounts_under_state_dir = true

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = [{cni_plugins}]
  conf_dir = '{cni}'
"""

HOSTS = """server = 'http://{registry}'

[host.'http://{registry}']
  capabilities = ['pull', 'resolve', 'push']
  skip_verify = true
"""

# No masquerading here: one rule for all pods does it (see network.py), where the plugin would add two for each pod.
NETWORK = """{{
  "cniVersion": "1.0.0",
  "name": "mooring",
  "plugins": [
    {{
      "type": "bridge", "bridge": "{bridge}", "isDefaultGateway": true, "forceAddress": true, "hairpinMode": true,
      "ipMasq": false,
      "ipam": {{"type": "host-local", "dataDir": "{addresses}", "ranges": [[{{"subnet": "{subnet}"}}]]}}
    }},
    {{"type": "portmap", "capabilities": {{"portMappings": true}}}}
  ]
}}
"""


class Runtime:
    """The embedded containerd of one checkout."""

    def __init__(self, layout: Layout, registry: str) -> None:
        self.layout = layout
        self.registry = registry
        self.state = layout.run / "containerd"

    def part(self) -> Part:
        config, cni, hosts = (self.layout.config / name for name in ("containerd.toml", "cni", "registries"))
        plugins = ", ".join(f"'{directory}'" for directory in CNI_PLUGINS)
        binary = Path(tools.RUNTIME.path(self.layout, "containerd"))
        toml = CONFIG.format(
            root=self.layout.data / "containerd",
            state=self.state,
            socket=SOCKET,
            pause=PAUSE_IMAGE,
            hosts=hosts,
            cni=cni,
            cni_plugins=plugins,
        )
        network = NETWORK.format(bridge=POD_BRIDGE, addresses=self.state / "addresses", subnet=NODE_SUBNET)
        return Part(
            name="containerd",
            command=(str(binary), "--config", str(config)),
            ready=lambda: probes.command_ok(*self.ctr("version")),
            config={
                config: toml,
                cni / "10-mooring.conflist": network,
                hosts / self.registry / "hosts.toml": HOSTS.format(registry=self.registry),
            },
            # The shim that belongs to this containerd, before any other of that name.
            env={"PATH": f"{binary.parent}:{os.defpath}:/usr/sbin:/sbin"},
            stop_seconds=20,
        )

    def ctr(self, *arguments: str) -> tuple[str, ...]:
        """Return a command of containerd's own client, on the containers of Kubernetes."""
        return (tools.RUNTIME.path(self.layout, "ctr"), "-a", str(SOCKET), "-n", "k8s.io", *arguments)
