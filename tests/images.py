"""Images for tests: variants of the platform's busybox under tags of their own, made by the registry's API alone."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from clients.registry import MANIFESTS
from clients.settings import Settings

REPOSITORY = "public/busybox"


async def publish(
    tag: str, mark: str, repository: str = REPOSITORY, *, files: Mapping[str, bytes] | None = None, plain: Sequence[str] = ()
) -> str:
    """Push busybox with `MARK=<mark>` in its environment as `repository`:`tag`; another mark is another digest, returned.

    `files` come in a layer of their own, executable but for the `plain` ones.
    """
    digest, _ = await _publish(tag, mark, repository, files or {}, plain)
    return digest


async def lose(tag: str) -> str:
    """Push busybox with a layer that the registry then loses; the image's reference."""
    _, layer = await _publish(tag, tag, REPOSITORY, {"lost": tag.encode()}, ())
    async with httpx.AsyncClient() as http:
        (await http.delete(f"{_registry()}/{REPOSITORY}/blobs/{layer}")).raise_for_status()
    return f"{REPOSITORY}:{tag}"


def _registry() -> str:
    return f"http://{Settings().mooring_registry}/v2"


async def _publish(tag: str, mark: str, repository: str, files: Mapping[str, bytes], plain: Sequence[str]) -> tuple[str, str]:
    """The digests of the manifest, and of the layer with the files."""
    async with httpx.AsyncClient(base_url=f"{_registry()}/{repository}") as http:
        base = f"{_registry()}/{REPOSITORY}"
        found = await http.get(f"{base}/manifests/latest", headers={"Accept": ", ".join(MANIFESTS)})
        manifest = found.raise_for_status().json()
        config = (await http.get(f"{base}/blobs/{manifest['config']['digest']}")).raise_for_status().json()
        for known in manifest["layers"]:
            await http.post("/blobs/uploads/", params={"mount": known["digest"], "from": REPOSITORY})
        config["config"]["Env"] = [*(config["config"].get("Env") or []), f"MARK={mark}"]
        layer = ""
        if files:
            archive = _archive(files, plain)
            packed = gzip.compress(archive, mtime=0)
            layer = await _upload(http, packed)
            config["rootfs"]["diff_ids"].append(_digest(archive))
            first: dict[str, Any] = manifest["layers"][0]
            manifest["layers"].append(first | {"digest": layer, "size": len(packed)})
        blob = json.dumps(config).encode()
        manifest["config"] |= {"digest": await _upload(http, blob), "size": len(blob)}
        put = await http.put(
            f"/manifests/{tag}", content=json.dumps(manifest), headers={"Content-Type": found.headers["Content-Type"]}
        )
        pushed: str = put.raise_for_status().headers["Docker-Content-Digest"]
        return pushed, layer


async def _upload(http: httpx.AsyncClient, blob: bytes) -> str:
    digest = _digest(blob)
    place = (await http.post("/blobs/uploads/")).raise_for_status().headers["Location"]
    (await http.put(place, params={**httpx.URL(place).params, "digest": digest}, content=blob)).raise_for_status()
    return digest


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def _archive(files: Mapping[str, bytes], plain: Sequence[str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644 if name in plain else 0o755
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()
