"""What a pod document says under securityContext, none of which is carried out yet, and what is to be done instead."""

from typing import Any

_HARDENS = frozenset(
    (
        *("runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "supplementalGroups"),
        *("supplementalGroupsPolicy", "readOnlyRootFilesystem", "seccompProfile", "appArmorProfile"),
    )
)


def refuse(value: Any) -> None:
    """Pass over what says nothing; else raise ValueError: what hardens with how to have it otherwise, the rest by its name."""
    if value in (None, {}):
        return
    given = value if isinstance(value, dict) else {}
    reaching = sorted(str(key) for key, said in given.items() if not _hardens(key, said))
    if reaching or not given:
        raise ValueError(f"{', '.join(reaching[:5]) or 'it'} reaches for the host and is refused; remove it")
    raise ValueError(
        f"{', '.join(sorted(given)[:5])} is not carried out yet: an instance runs as the user that its image names, so write USER "
        "into the Dockerfile; rights on the host it never has. Remove it here"
    )


def _hardens(key: Any, said: Any) -> bool:
    """Whether it takes rights away, or gives none that a container does not have."""
    if key in ("privileged", "allowPrivilegeEscalation"):
        return str(said).lower() == "false"  # a document's values are read as they are written
    if key == "capabilities":
        return isinstance(said, dict) and set(said) == {"drop"}
    return key in _HARDENS
