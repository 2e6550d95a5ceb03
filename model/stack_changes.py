"""What brings a stack to another version: which of its apps are created, updated, made again, deleted, left (pure; mission D).

The same functions make the plan that is shown before an upgrade and decide in its steps, so that the one predicts the other.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from model.apps import AppSpec, differences
from model.base import Body, Frozen
from model.batches import stages
from model.blueprints import Blueprint, Member, with_aliases
from model.gray import OnFailure, PauseAfter
from model.layouts import Layout, scaled
from model.template_rollouts import tracks


class Action(StrEnum):
    """What happens to an app. UPDATE keeps the app and changes it in place; RECREATE deletes it first."""

    CREATE = "create"
    UPDATE = "update"
    RECREATE = "recreate"
    DELETE = "delete"
    UNCHANGED = "unchanged"


class Standing(Frozen):
    """A live app of the stack: the spec in force, what its images resolved to, and whether its last operation went well.

    Of one that is autoscaled the number of instances is not the document's to say.
    """

    app: str
    app_id: str
    spec: AppSpec
    layout: Layout
    digests: dict[str, str] = {}
    well: bool = True
    autoscaled: bool = False

    @property
    def revision(self) -> int:
        """The revision in force."""
        return self.layout.revision

    @property
    def replicas(self) -> int:
        """The number of instances."""
        return self.layout.total


class Gray(Body):
    """How an app goes out gray: of the `total` instances how many are new after each batch, and what happens after it."""

    batches: tuple[int, ...]
    total: int
    pause: PauseAfter = "never"
    ready_seconds: int = 0
    gates: int = 0
    on_failure: OnFailure = "keep"


class Change(Body):
    """What happens to one app, and why; `replaces` says that instances are replaced, `gray` how, where not at once."""

    name: str
    app: str
    action: Action
    reason: str
    replaces: bool = False
    gray: Gray | None = None


def change(
    member: Member,
    now: Standing | None,
    addresses: Mapping[str, str],
    digests: Mapping[str, str] | None = None,
    *,
    at_once: bool = False,
) -> Change:
    """What brings one app to what its document says.

    `addresses` are those of the links by member name; one that is missing is still to be made, so it is a difference.
    `digests` are the images a rollback goes back to; without them an image counts by its name. A way back goes `at_once`.
    """
    if now is None:
        return Change(name=member.name, app=member.app, action=Action.CREATE, reason="there is no such app", replaces=True)
    wanted = with_aliases(member, _known(member, addresses))
    if wanted.type != now.spec.type:
        reason = f"type {now.spec.type} → {wanted.type}: an app keeps its type, so it is deleted and created"
        return Change(name=member.name, app=member.app, action=Action.RECREATE, reason=reason, replaces=True)
    fields = _reasons(now.spec, wanted)
    if digests is not None and not fields and dict(digests) != now.digests:
        fields = ["images: the exact ones of that version"]
    if len(now.layout.versions) > 1:
        fields.append("its instances are of several versions")
    replaces = bool(fields)
    if member.replicas is not None and member.replicas != now.replicas and not now.autoscaled:
        fields.append(f"replicas {now.replicas} → {member.replicas}")
        replaces = replaces or wanted.type == "Job"
    if not now.well:
        fields.append("its last operation did not succeed")
    if fields and wanted.type == "Job":
        fields.append("going back does not run it again" if at_once else "it is run again")
    action = Action.UPDATE if fields else Action.UNCHANGED
    gray = _gray(member, now) if replaces and not at_once else None
    return Change(name=member.name, app=member.app, action=action, reason="; ".join(fields), replaces=replaces, gray=gray)


def steps(member: Member, now: Standing, revision: int, *, at_once: bool = False) -> list[Layout]:
    """The layouts by which an app comes to `revision` as its document says: one, or one for each batch.

    New instances come with the first. What never ran has no version to keep beside the new one, so it goes at once.
    """
    sized = now.layout if member.replicas is None or now.autoscaled else scaled(now.layout, member.replicas)
    batches = (member.rollout.how.batches or []) if member.rollout and now.digests and not at_once else []
    return stages(sized, revision, tracks(batches, member.name))


def _gray(member: Member, now: Standing) -> Gray | None:
    if member.rollout is None or not member.rollout.how.gray:
        return None
    how, coming = member.rollout.how, max(now.layout.revisions) + 1
    layouts = steps(member, now, coming)
    return Gray(
        batches=tuple(layout.versions.get(coming, 0) for layout in layouts),
        total=layouts[-1].total,
        pause=how.pause,
        ready_seconds=how.ready_seconds,
        gates=len(how.gates),
        on_failure=how.on_failure,
    )


def changes(
    blueprint: Blueprint,
    standing: Mapping[str, Standing],
    addresses: Mapping[str, str],
    digests: Mapping[str, Mapping[str, str]] | None = None,
    before: Blueprint | None = None,
    *,
    at_once: bool = False,
) -> list[Change]:
    """The whole plan: apps in the order of their start, then, last, those that left the document, dependents first.

    `standing` has by member name the apps there are; `before` is the document they were deployed from, for the order; a way
    back goes `at_once`.
    """
    levels = blueprint.levels()
    ordered = sorted(blueprint.members, key=lambda member: levels[member.name])
    pinned = digests or {}
    made = [change(member, standing.get(member.name), addresses, pinned.get(member.name), at_once=at_once) for member in ordered]
    gone = [
        Change(name=name, app=standing[name].app, action=Action.DELETE, reason="the document no longer has it")
        for name in removals(blueprint, standing, before)
    ]
    return [*made, *gone]


def removals(blueprint: Blueprint, standing: Iterable[str], before: Blueprint | None) -> dict[str, tuple[str, ...]]:
    """The apps that left the document, each with those it is deleted after (what depended on it), in an order that keeps to it."""
    kept = {member.name for member in blueprint.members}
    gone = [name for name in standing if name not in kept]
    dependents = before.dependents() if before else {}
    after = {name: tuple(other for other in dependents.get(name, ()) if other in gone) for name in gone}
    ordered: dict[str, tuple[str, ...]] = {}
    while len(ordered) < len(after):
        ordered |= {name: others for name, others in after.items() if name not in ordered and set(others) <= ordered.keys()}
    return ordered


def _known(member: Member, addresses: Mapping[str, str]) -> dict[str, str]:
    return {link.member: addresses.get(link.member, f"address of {link.member}") for link in member.links}


def _reasons(now: AppSpec, wanted: AppSpec) -> list[str]:
    """What differs, in words without values but for images: a variable's value may be a secret."""
    told = []
    for found in differences(now, wanted):
        field: str = found["field"]
        container, _, name = field.removeprefix("containers.").rpartition(".")
        if field == "host_aliases":
            told.append("links")
        elif name == "image" and found["before"] and found["after"]:
            told.append(f"image of {container}: {found['before']} → {found['after']}")
        elif field.startswith("containers.") and name == "image":
            told.append(f"container {container} {'added' if found['after'] else 'removed'}")
        elif field.startswith("containers.") and found["before"] is not None and name != "cmd":
            told.append(f"{name} of {container}")
        elif not field.startswith("containers."):
            told.append(field)
    return list(dict.fromkeys(told)) or (["its containers' order"] if now != wanted else [])
