"""Entries of configuration groups as variables and files of a pod document (Kubernetes: Pod v1, env, envFrom, volumes)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from model.config_mounts import ConfigUse
from model.config_references import Chosen, Found, References, joined, uses
from model.configs import ConfigKind, variable_rule
from model.directories import group_rule
from model.pod_shapes import Container, GroupFiles, PodParts

Note = Callable[[Sequence[str | int], str], None]
Path = list[str | int]
C = TypeVar("C", list[Chosen], dict[str, Chosen])


class PodReferences:
    """The references of one pod; what is wrong with them is noted at their places, `note` getting paths from the pod."""

    def __init__(self, pod: PodParts, references: References, note: Note) -> None:
        self._references = references
        self._note = note
        self._volumes = {
            volume.name: self._files(["volumes", index], volume.sources())
            for index, volume in enumerate(pod.volumes)
            if not volume.empty_dir
        }

    def is_group(self, volume: str) -> bool:
        """Whether the volume of that name is of groups."""
        return volume in self._volumes

    def of(self, index: int, container: Container) -> dict[str, tuple[ConfigUse, ...]]:
        """A container's `config_map` and `secret`."""
        mounted = [(number, m) for number, m in enumerate(container.volume_mounts) if self._volumes.get(m.name)]
        files = [
            uses(self._taken(["containers", index, "volumeMounts", number], self._volumes[m.name]), str(m.mount_path))
            for number, m in mounted
        ]
        config_map, secret = joined([uses(self._variables(["containers", index], container)), *files])
        return {"config_map": config_map, "secret": secret}

    def check_mounts(self, index: int, container: Container, others: Sequence[str], *, kept: bool = False) -> None:
        """Nothing lies in a directory of groups, which is read-only; `others` are paths beside those of volumeMounts.

        A document that is `kept` may mount one where no container can start with it: earlier releases took it.
        """
        paths = [*others, *(str(m.mount_path) for m in container.volume_mounts)]
        for number, mount in enumerate(container.volume_mounts):
            inner = [path for path in paths if path.startswith(f"{mount.mount_path}/")]
            where: Path = ["containers", index, "volumeMounts", number, "mountPath"]
            if mount.name in self._volumes and (rule := group_rule(str(mount.mount_path))) and not kept:
                self._note(where, rule)
            elif mount.name in self._volumes and inner:
                self._note(where, f"{mount.mount_path!r} would be read-only and holds {inner[0]!r}; mount it elsewhere")

    def _files(self, here: Path, sources: Sequence[tuple[Path, ConfigKind, GroupFiles]]) -> dict[str, Chosen]:
        files: dict[str, Chosen] = {}
        for path, kind, said in sources:
            place = [*here, *path]
            found = self._find(place, kind, said.name)
            if found is None:
                continue
            if said.items is None:
                listed = [(place, c.key, c) for c in self._all(place, found)]
            else:
                where: list[Path] = [[*place, "items", number] for number in range(len(said.items))]
                entries = [self._entry([*at, "key"], found, item.key) for at, item in zip(where, said.items, strict=True)]
                listed = [(at, i.path, c) for at, i, c in zip(where, said.items, entries, strict=True) if c]
            for at, file, chosen in listed:
                if file in files:
                    self._note(at, f"gives the file {file!r} a second time")
                files[file] = chosen
        return files

    def _variables(self, here: Path, container: Container) -> dict[str, Chosen]:
        """By name; an entry of `env` wins over `envFrom`, there a later one over an earlier (Kubernetes: EnvFromSource)."""
        given: dict[str, Chosen] = {}
        for number, source in enumerate(container.env_from):
            place = [*here, "envFrom", number, "configMapRef" if source.config_map_ref else "secretRef"]
            found = self._find(place, *source.group)
            for chosen in self._all(place, found) if found else []:
                name = f"{source.prefix}{chosen.key}"
                self._check_variable(place, found, chosen.key, variable_rule(name))
                given[name] = chosen
        for number, variable in enumerate(container.env):
            given.pop(variable.name, None)
            ref = variable.value_from.key_ref if variable.value_from else None
            if ref is None:
                continue
            field, kind, said = ref
            place = [*here, "env", number, "valueFrom", field]
            found = self._find(place, kind, said.name)
            chosen_one = self._entry([*place, "key"], found, said.key) if found else None
            if chosen_one:
                self._check_variable([*place, "key"], found, said.key, variable_rule(variable.name))
                given[variable.name] = chosen_one
        return given

    def _check_variable(self, place: Path, found: Found | None, key: str, rule: str | None) -> None:
        if found and not found.is_text(key):
            self._note(place, f"means the entry {key!r}, which is binary and cannot be a variable; use it as a file")
        elif rule:
            self._note(place, f"means the entry {key!r}, whose variable {rule}")

    def _find(self, place: Path, kind: ConfigKind, name: str) -> Found | None:
        try:
            return self._references.find(kind, name)
        except ValueError as error:
            self._note(place, str(error))
            return None

    def _entry(self, place: Path, found: Found, key: str) -> Chosen | None:
        try:
            return found.entry(key)
        except ValueError as error:
            self._note(place, str(error))
            return None

    def _all(self, place: Path, found: Found) -> list[Chosen]:
        try:
            return self._taken(place, found.all())
        except ValueError as error:
            self._note(place, str(error))
            return []

    def _taken(self, place: Path, chosen: C) -> C:
        """What is chosen without being named, where the document may; else nothing."""
        try:
            return chosen if self._references.take(chosen) else type(chosen)()
        except ValueError as error:
            self._note(place, str(error))
            return type(chosen)()
