"""P2: deploy an app until RUNNING ÷ `helm upgrade --install --wait` of the same objects as a chart."""

import asyncio
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from bench.command import run
from bench.deploying import body, deployed, objects_of
from bench.pairs import Figure, measure
from bench.platform import PROJECT, Platform

_SAMPLE = "p2-sample"


async def p2(platform: Platform, env: dict[str, str], helm: str, pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P2 against the Helm 4 at that path: two instances of a present image, removed untimed on both sides."""
    figure = Figure("P2", "app.create until SUCCEEDED ÷ helm upgrade --install --wait (Helm 4)", 1.1)
    objects = await objects_of(platform, env, body(_SAMPLE))
    place = ("--kubeconfig", env["KUBECONFIG"], "--namespace", PROJECT, "--wait", "--timeout", "600s")

    async def reference(pair: int) -> float:
        name = f"helm-{pair}"
        with tempfile.TemporaryDirectory() as chart:
            _write(Path(chart), objects.replace(_SAMPLE, name))
            begun = asyncio.get_running_loop().time()
            await run(helm, "upgrade", "--install", name, chart, *place)
            taken = asyncio.get_running_loop().time() - begun
            await run(helm, "uninstall", name, *place)
        return taken

    return await measure(figure, lambda pair: deployed(platform, figure, f"p2-{pair}"), reference, pairs, say)


def _write(chart: Path, objects: str) -> None:
    (chart / "templates").mkdir()
    (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "reference", "version": "1.0.0"}))
    (chart / "templates" / "objects.yaml").write_text(yaml.safe_dump_all(json.loads(objects)["items"]))
