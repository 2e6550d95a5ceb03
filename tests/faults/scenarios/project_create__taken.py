"""A project whose name a strange namespace has: refused, undone, the stranger untouched."""

import os

from clients import kubernetes
from model.operations import Status
from tests.faults.scenarios.project_create import when
from tests.platform import Platform, unique

__all__ = ["ends", "given", "when"]
ends = Status.FAILED


async def given(platform: Platform) -> str:
    """A namespace that is not the platform's."""
    project = platform.will_have(unique("crash"))
    cluster = await kubernetes.connect(os.environ["KUBECONFIG"])
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": project}})
    await cluster.close()
    return project
