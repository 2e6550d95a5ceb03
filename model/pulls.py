"""Why a node does not get an image, from containerd's words (containerd: remotes/docker; OCI distribution specification).

The container runtime gives these causes no other form than words; each is its own, fixed, and read only here.
"""

import re

from model.errors import DeadlineExceeded, Evidence, ImageNotFound, MooringError

_NOT_FOUND = "code = NotFound"  # containerd's gRPC status
_LOST = re.compile(
    r"(blobs/|content at \S*|content descriptor |layer )(?P<digest>sha256:[0-9a-f]{12})[0-9a-f]*.*(not found|404)", re.DOTALL
)
_OTHER_PLATFORM = re.compile(r"no match for platform in manifest|does not provide any platform|no matching manifest")
_DENIED = re.compile(r"unauthorized|authorization failed|authentication required|access denied|forbidden|: 40[13]\b|denied:", re.I)
_LIMITED = re.compile(r"429|too ?many ?requests", re.I)
_FULL = re.compile(r"no space left on device|disk quota exceeded")
_UNKNOWN_HOST = re.compile(r"lookup (?P<host>\S+).*no such host")
_NO_TLS = re.compile(r"x509:|tls:|server gave HTTP response to HTTPS client")
_BEGINNINGS = re.compile(r"^(Back-off pulling image \"[^\"]*\"(: ErrImagePull)?: )?")


def pull_error(image: str, where: str, said: str, evidence: list[Evidence]) -> tuple[MooringError, bool]:
    """The error that a failed pull of `image` for the container `where` amounts to, and whether it is certain."""
    words = _BEGINNINGS.sub("", said).strip().rstrip(".")
    if lost := _LOST.search(said):
        text = f"The registry has lost a part of the image {image!r}, which the {where} needs ({lost['digest']}…)."
        hint = "Push the same image again (or build it again): that brings back what is missing. Then retry."
        return ImageNotFound(text, hint=hint, evidence=evidence), True
    if _OTHER_PLATFORM.search(said):
        text = f"The image {image!r} of the {where} is not there for the host's platform: {words}."
        hint = "Build and push it for that platform too (docker buildx build --platform …), then retry."
        return ImageNotFound(text, hint=hint, evidence=evidence), True
    if _NOT_FOUND in said:
        return ImageNotFound(f"The registry has no image {image!r}, which the {where} needs.", evidence=evidence), True
    if _LIMITED.search(said):
        hint = "Wait a while and retry; or push the image to the platform's registry and use it from there."
        return _late(f"The registry limits how much it gives of {image!r}, which the {where} needs", words, hint, evidence)
    if _DENIED.search(said):
        text = (
            f"The registry does not give the image {image!r} of the {where} to the platform, which has no account there: {words}."
        )
        hint = "Let everybody read it there, or push it to the platform's registry and roll that out."
        return ImageNotFound(text, hint=hint, evidence=evidence), True
    if _FULL.search(said):
        hint = "Have the administrator free disk on the node; then retry."
        return _late(f"The node has no disk left for the image {image!r} of the {where}", words, hint, evidence)
    if unknown := _UNKNOWN_HOST.search(said):
        hint = "Correct the registry's name in the image and roll that out, or have the nodes know the name; then retry."
        text = f"The node cannot pull the image {image!r} of the {where}: it knows no host {unknown['host']!r}"
        return _late(text, words, hint, evidence)
    if _NO_TLS.search(said):
        hint = "Use a registry whose certificate the nodes trust, or push the image to the platform's registry; then retry."
        return _late(f"The node does not trust the registry of the image {image!r} of the {where}", words, hint, evidence)
    hint = "See whether the registry answers the cluster's nodes, then retry."
    return _late(f"The node cannot pull the image {image!r} of the {where}", words, hint, evidence)


def _late(text: str, words: str, hint: str, evidence: list[Evidence]) -> tuple[MooringError, bool]:
    return DeadlineExceeded(f"{text}: {words}.", hint=hint, evidence=evidence), False
