"""Images for tests: variants of the platform's busybox under tags of their own, made by the registry's API alone."""

import hashlib
import json

import httpx

from clients.registry import MANIFESTS
from clients.settings import Settings

REPOSITORY = "public/busybox"


async def publish(tag: str, mark: str) -> str:
    """Push busybox with `MARK=<mark>` in its environment as public/busybox:`tag`; another mark is another digest, returned."""
    async with httpx.AsyncClient(base_url=f"http://{Settings().mooring_registry}/v2/{REPOSITORY}") as http:
        found = await http.get("/manifests/latest", headers={"Accept": ", ".join(MANIFESTS)})
        manifest = found.raise_for_status().json()
        config = (await http.get(f"/blobs/{manifest['config']['digest']}")).raise_for_status().json()
        config["config"]["Env"] = [*(config["config"].get("Env") or []), f"MARK={mark}"]
        blob = json.dumps(config).encode()
        digest = "sha256:" + hashlib.sha256(blob).hexdigest()
        place = (await http.post("/blobs/uploads/")).raise_for_status().headers["Location"]
        (await http.put(place, params={**httpx.URL(place).params, "digest": digest}, content=blob)).raise_for_status()
        manifest["config"] |= {"digest": digest, "size": len(blob)}
        put = await http.put(
            f"/manifests/{tag}", content=json.dumps(manifest), headers={"Content-Type": found.headers["Content-Type"]}
        )
        pushed: str = put.raise_for_status().headers["Docker-Content-Digest"]
        return pushed
