"""What brings a stack to another version: which of its parts are created, updated, made again, deleted, left (pure; mission D).

The same functions make the plan that is shown before an upgrade and decide in its steps, so that the one predicts the other.
Parts are apps and configuration groups. What groups and entries the document no longer has goes last, when nothing uses them.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from model.apps import AppSpec, differences
from model.autoscaling import asks_for_cpu
from model.base import Body, Frozen
from model.batches import stages
from model.blueprints import Blueprint, Configuration, Member, completed, is_group
from model.configs import Held, told
from model.gray import OnFailure, PauseAfter
from model.layouts import Layout, scaled
from model.revisions import as_written, pins, short
from model.serving import same_but_defaults
from model.template_rollouts import tracks

NEW = "new"  # stands for the id of a content that is still to be written


class Action(StrEnum):
    """What happens to a part. UPDATE changes the app in place, START goes on with a stopped one, RECREATE deletes it first."""

    CREATE = "create"
    START = "start"
    UPDATE = "update"
    RECREATE = "recreate"
    DELETE = "delete"
    UNCHANGED = "unchanged"


class Running(Frozen):
    """An operation that works on an app; it `yields` where who changes the app takes it over."""

    id: str
    kind: str
    status: str
    yields: bool = False


class Standing(Frozen):
    """An app of the stack: the spec in force, what its images resolved to, and whether its last operation went well.

    `running` is that operation where it has not ended; one that is `stopped` was killed, or its creation was cancelled.

    Of one that is autoscaled the number of instances is not the document's to say; `cpu_target` is what percent of the cpu that it
    asks for its policy keeps in use. `failed` says that what brought the revision
    in force, its creation or an upgrade, FAILED and nothing came after it.
    """

    app: str
    app_id: str
    spec: AppSpec
    layout: Layout
    digests: dict[str, str] = {}
    well: bool = True
    running: Running | None = None
    autoscaled: bool = False
    cpu_target: int | None = None
    failed: bool = False
    stopped: bool = False

    @property
    def revision(self) -> int:
        """The revision in force."""
        return self.layout.revision

    @property
    def replicas(self) -> int:
        """The number of instances."""
        return self.layout.total

    def pins(self, wanted: AppSpec) -> dict[str, str]:
        """By container the images that an upgrade to `wanted` keeps: those that its document names as before.

        None of them where the revision in force failed: what was pushed since may be what mends it.
        """
        return {} if self.failed else pins(self.spec, self.digests, wanted)


class Gray(Body):
    """How an app goes out gray: of the `total` instances how many are new after each batch, and what happens after it."""

    batches: tuple[int, ...]
    total: int
    pause: PauseAfter = "never"
    ready_seconds: int = 0
    gates: int = 0
    on_failure: OnFailure = "keep"


class Change(Body):
    """What happens to one thing of the document, and why; `replaces` says that instances are replaced.

    `gray` says how they are, where not at once. `app` is what it is called in the project; `kind` is app, configmap, secret or
    ingress.
    """

    name: str
    app: str
    action: Action
    reason: str
    replaces: bool = False
    gray: Gray | None = None
    kind: str = "app"

    @property
    def part(self) -> str:
        """What it is called among the stack's parts."""
        return self.name if self.kind == "app" else f"{self.kind}/{self.name}"

    @property
    def shown(self) -> str:
        """What it is called in the project, with its kind where that is not an app."""
        return self.app if self.kind == "app" else f"{self.kind} {self.app}"


def change(
    member: Member,
    now: Standing | None,
    addresses: Mapping[str, str],
    digests: Mapping[str, str] | None = None,
    contents: Mapping[str, str] | None = None,
    *,
    at_once: bool = False,
) -> Change:
    """What brings one app to what its document says.

    `addresses` are those of the links by member name; one that is missing is still to be made, so it is a difference.
    `digests` are the images a rollback goes back to; without them an image counts by its name. `contents` has the ids of what
    the document's groups hold (`contents_of`). A way back goes `at_once`.
    """
    if now is None:
        return Change(name=member.name, app=member.app, action=Action.CREATE, reason="there is no such app", replaces=True)
    wanted = as_written(now.spec, completed(member, _known(member, addresses), contents))
    if same_but_defaults(now.spec, wanted):
        wanted = now.spec
    if wanted.type != now.spec.type:
        reason = f"type {now.spec.type} → {wanted.type}: an app keeps its type, so it is deleted and created"
        return Change(name=member.name, app=member.app, action=Action.RECREATE, reason=reason, replaces=True)
    fields = _reasons(now, wanted)
    if digests is not None and not fields and dict(digests) != now.digests:
        fields = ["images: the exact ones of that version"]
    if len(now.layout.versions) > 1:
        fields.append("its instances are of several versions")
    replaces = bool(fields)
    if member.replicas is not None and member.replicas != now.replicas and not now.autoscaled:
        fields.append(f"replicas {now.replicas} → {member.replicas}")
        replaces = replaces or wanted.type == "Job"
    if now.stopped:
        fields = ["it is stopped", *fields]
    elif not now.well:
        fields.append(_in_the_way(now.running) if now.running else "its last operation did not succeed")
    if digests is None and now.failed:
        fields += _anew(now, wanted)
    if now.cpu_target and asks_for_cpu(now.spec) and not asks_for_cpu(wanted):
        fields.append(
            f"its autoscaling stands still: that keeps {now.cpu_target} % of cpu in use, and no container asks for any more"
        )
    if fields and wanted.type == "Job":
        fields.append("going back does not run it again" if at_once else "it is run again")
    action = Action.START if now.stopped else Action.UPDATE if fields else Action.UNCHANGED
    gray = _gray(member, now) if action is Action.UPDATE and replaces and not at_once else None
    replaces = replaces or now.stopped
    return Change(name=member.name, app=member.app, action=action, reason="; ".join(fields), replaces=replaces, gray=gray)


def steps(member: Member, now: Standing, revision: int, *, at_once: bool = False) -> list[Layout]:
    """The layouts by which an app comes to `revision` as its document says: one, or one for each batch.

    New instances come with the first. What never ran, or is stopped, has no version to keep beside the new one: it goes at once.
    """
    sized = now.layout if member.replicas is None or now.autoscaled else scaled(now.layout, member.replicas)
    has_none = at_once or now.stopped or not now.digests
    batches = (member.rollout.how.batches or []) if member.rollout and not has_none else []
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
    held: Mapping[str, Held] | None = None,
    at_once: bool = False,
) -> list[Change]:
    """The whole plan: groups, apps in the order of their start, then, last, what left the document, dependents first.

    `standing` has by member name the apps there are, `held` by part the groups; `before` is the document they were deployed
    from, for the order; a way back goes `at_once`.
    """
    levels, groups = blueprint.levels(), held or {}
    ordered = sorted(blueprint.members, key=lambda member: levels[member.name])
    pinned, contents = digests or {}, contents_of(blueprint, groups)
    made = [
        change(member, standing.get(member.name), addresses, pinned.get(member.name), contents, at_once=at_once)
        for member in ordered
    ]
    gone = [
        _group_gone(name, groups[name])
        if is_group(name)
        else Change(name=name, app=standing[name].app, action=Action.DELETE, reason="the document no longer has it")
        for name in removals(blueprint, [*standing, *groups], before)
    ]
    return [*(group_change(group, groups.get(group.part)) for group in blueprint.groups), *made, *gone]


def group_change(wanted: Configuration, now: Held | None) -> Change:
    """What brings one group to what the document says, in words without contents."""
    if now is None:
        action, reason = Action.CREATE, f"there is no such {wanted.kind}"
    elif found := now.differences(wanted.content):
        action, reason = Action.UPDATE, f"entries: {told(found)}"
    elif not now.group.in_cluster:
        action, reason = Action.UPDATE, "the cluster does not have its newest version"
    else:
        action, reason = Action.UNCHANGED, ""
    return Change(name=wanted.name, app=wanted.group, kind=wanted.kind, action=action, reason=reason)


def contents_of(blueprint: Blueprint, held: Mapping[str, Held]) -> dict[str, str]:
    """By "kind/group/entry" the ids of the contents that the document's groups hold or held, NEW where one is still to be made."""
    found = {}
    for group in blueprint.groups:
        now = held.get(group.part)
        for name, content in group.content.items():
            found[f"{group.kind}/{group.group}/{name}"] = (now and now.id_of(name, content)) or NEW
    return found


def grown(wanted: Configuration, now: Held | None) -> dict[str, bytes]:
    """What a group holds while the stack is on its way: all that the document says, and what it no longer says but may be used."""
    return {**(now.contents if now else {}), **wanted.content}


def trims(blueprint: Blueprint, held: Mapping[str, Held]) -> list[str]:
    """The parts of groups of the document that have entries which it does not."""
    return [g.part for g in blueprint.groups if g.part in held and held[g.part].contents.keys() - g.content.keys()]


def removals(blueprint: Blueprint, standing: Iterable[str], before: Blueprint | None) -> dict[str, tuple[str, ...]]:
    """The parts that left the document, each with those it is deleted after (what depended on it), in an order that keeps to it.

    Groups go after all apps: whatever document those are of, they may use them.
    """
    kept = blueprint.dependencies()
    gone = [name for name in standing if name not in kept]
    apps = tuple(name for name in gone if not is_group(name))
    dependents = before.dependents() if before else {}
    after = {name: apps if is_group(name) else tuple(o for o in dependents.get(name, ()) if o in gone) for name in gone}
    ordered: dict[str, tuple[str, ...]] = {}
    while len(ordered) < len(after):
        ordered |= {name: others for name, others in after.items() if name not in ordered and set(others) <= ordered.keys()}
    return ordered


def _group_gone(part: str, now: Held) -> Change:
    name, reason = part.partition("/")[2], "the document no longer has it"
    return Change(name=name, app=now.group.name, kind=now.group.kind, action=Action.DELETE, reason=reason)


def _in_the_way(running: Running) -> str:
    told = f"{running.kind} {running.id} is {running.status} on it"
    return f"{told} and is taken over" if running.yields else f"{told}: wait for its end or cancel it first, else this fails here"


def _known(member: Member, addresses: Mapping[str, str]) -> dict[str, str]:
    return {link.member: addresses.get(link.member, f"address of {link.member}") for link in member.links}


def _anew(now: Standing, wanted: AppSpec) -> list[str]:
    """The images of a revision that failed are looked up anew."""
    same = pins(now.spec, now.digests, wanted)
    return [
        f"image of {c.name}: what {c.image} is now, instead of {short(same[c.name])}" for c in wanted.containers if c.name in same
    ]


def _reasons(now: Standing, wanted: AppSpec) -> list[str]:
    """What differs, in words without values but for images: a variable's value may be a secret."""
    words = []
    for found in differences(now.spec, wanted):
        field: str = found["field"]
        container, _, name = field.removeprefix("containers.").rpartition(".")
        if field == "host_aliases":
            words.append("links")
        elif field == "variables":
            words.append(f"variables from {', '.join(_differing(found['before'], found['after']))}")
        elif name == "image" and found["before"] and found["after"]:
            digest = f" {short(now.digests[container])}" if container in now.digests else ""
            words.append(f"image of {container}: {found['before']}{digest} → {found['after']}")
        elif field.startswith("containers.") and name == "image":
            words.append(f"container {container} {'added' if found['after'] else 'removed'}")
        elif field.startswith("containers.") and found["before"] is not None and name != "cmd":
            words.append(f"{name} of {container}")
        elif not field.startswith("containers."):
            words.append(field)
    return list(dict.fromkeys(words)) or (["its containers' order"] if now.spec != wanted else [])


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
