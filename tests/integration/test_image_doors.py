"""Every door that takes an image takes those of listed registries only (targets S10); nothing is accepted, nothing asked."""

from typing import Any

import pytest

from tests.platform import Platform

POD = "containers:\n- name: web\n  image: {image}\n"
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: "{image}"}}]}}
"""
COMPOSE = "web:\n  image: {image}\n"
SERVICES = "services:\n  web:\n    image: {image}\n"
IMAGES = [
    "127.0.0.1:5000/other/api:1",
    "0.0.0.0:5000/other/api",
    "localhost:443/other/api",
    "10.0.0.1:6443/a/b:1",
    "docker.io/busybox",
]


def doors(project: str, image: str) -> list[tuple[str, dict[str, Any]]]:
    """The routes that take an image, each with a body that is right but for it."""
    template = f"/v2/templates/{project}"
    return [
        (f"/v2/applications/{project}", {"name": "web", "imageRef": image}),
        (f"/v2/composes/{project}", {"stackInstanceName": "s", "content": COMPOSE.format(image=image)}),
        (f"/v2/composes/{project}", {"stackInstanceName": "s", "content": SERVICES.format(image=image)}),
        (f"/v2/podstack/{project}", {"stackInstanceName": "s", "content": POD.format(image=image)}),
        *(
            (f"{template}/validate", {"kind": kind, "content": document.format(image=image)})
            for kind, document in (("compose", COMPOSE), ("compose", SERVICES), ("pod", POD), ("kubernetes", DEPLOYMENT))
        ),
    ]


@pytest.mark.parametrize("image", IMAGES)
async def test_no_door_takes_an_image_of_a_registry_that_is_not_listed(platform: Platform, project: str, image: str) -> None:
    before = (await platform.get("/v2/operations", size=1))["total"]
    for path, body in doors(project, image):
        # A check of a document answers with what is wrong with it; all else refuses.
        refused = await platform.ask("POST", path, body, expect=200 if path.endswith("/validate") else 422)
        assert "MOORING_REGISTRIES" in refused["Message"], path
        assert "image" in refused["problems"][0]["field"], path
    assert (await platform.get("/v2/operations", size=1))["total"] == before
