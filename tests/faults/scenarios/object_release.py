"""An object that was deleted and that a finalizer holds."""

import os
from typing import Any

from clients import kubernetes
from tests.platform import Platform

HELD = "example.com/held"


async def given(platform: Platform) -> str:
    """The project, with the ConfigMap on its way out."""
    project = await platform.project("crash")
    cluster = await kubernetes.connect(os.environ["KUBECONFIG"])
    metadata = {"name": "held", "namespace": project, "finalizers": [HELD]}
    await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    await cluster.delete("ConfigMap", "held", project)
    await cluster.close()
    return project


async def when(platform: Platform, project: str) -> str:
    """Take the finalizer off."""
    return await platform.submit("POST", f"/v2/projects/{project}/release", {"object": "configmaps/held", "finalizers": [HELD]})


async def then(platform: Platform, project: str) -> Any:
    """It is gone."""
    cluster = await kubernetes.connect(os.environ["KUBECONFIG"])
    found = await cluster.find("ConfigMap", "held", project)
    await cluster.close()
    return found
