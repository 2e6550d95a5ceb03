"""An app that says where its figures are has them read: what gates and autoscaling ask about."""

import os

from clients.metrics import connect
from tests.platform import Platform, eventually


async def test_an_app_s_figures_are_kept_under_its_name_and_revision(platform: Platform, project: str) -> None:
    serve = "mkdir /tmp/www; echo orders_total 7 > /tmp/www/figures; exec httpd -f -p 9090 -h /tmp/www"
    body = {
        "name": "shop",
        "imageRef": "public/busybox:latest",
        "instanceNum": 2,
        "resources": {"cpu": "0.01", "mem": "32Mi"},
        "cmd": ["sh", "-c", serve],
        "terminationGracePeriodSeconds": 0,
        "metricsPort": 9090,
        "metricsPath": "/figures",
    }
    await platform.wait(await platform.submit("POST", f"/v2/applications/{project}", body))
    shown = await platform.get(f"/v2/applications/{project}/shop")
    assert (shown["metricsPort"], shown["metricsPath"]) == (9090, "/figures")

    store = connect(os.environ["MOORING_METRICS_URL"])

    async def both_are_read() -> bool:
        return await store.query('sum(orders_total{app="shop"})', project) == 14

    await eventually(both_are_read, "the figures of both instances are in the store", 60)
    await store.close()


async def test_a_path_without_a_port_is_refused_by_its_name(platform: Platform, project: str) -> None:
    body = {"name": "odd", "imageRef": "public/busybox:latest", "metricsPath": "/figures"}
    refused = await platform.ask("POST", f"/v2/applications/{project}", body, expect=422)
    assert refused["problems"][0]["field"] == "metricsPath"
