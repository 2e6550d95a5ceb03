"""The steps of image.build: fetch, build, push, and the tag that moves last."""

import asyncio
import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from temporalio import activity

from activities.progress import tell
from activities.slots import FairSlots
from activities.stage_log import StageLog
from clients import archives
from clients.builder import Builder, find_dockerfile
from clients.catalogue import MOST_REPOSITORIES
from clients.git import Git, Say
from clients.registry import Registry
from model.build_words import way_out
from model.builds import BuildImage, Built, Checkout, Pushed, Stage, draft_tag
from model.catalogue import lasting
from model.dockerfiles import check_dockerfile, owners_for
from model.errors import BuildFailed, NotImplementedYet, PushRefused, SourceUnreachable
from model.images import PUBLIC, Registries, parse
from records import Records

# How many images one worker builds at a time; the next waits in its step, where a cancellation reaches it at once.
BUILDS_AT_A_TIME = 2


class BuildActivities:
    """`workspace` is a directory of this worker's machine; a step that finds its checkout missing there fetches it again."""

    def __init__(
        self, records: Records, git: Git, builder: Builder, registry: Registry, registries: Registries, workspace: Path
    ) -> None:
        self._records = records
        self._git = git
        self._builder = builder
        self._registry = registry
        self._registries = registries
        self._workspace = workspace
        self._slots = FairSlots(BUILDS_AT_A_TIME)

    @activity.defn(name="build.fetch_source")
    async def fetch_source(self, ask: BuildImage) -> Checkout:
        """Write the branch's newest commit, or the source that was sent, into the workspace; raises SourceUnreachable."""
        async with self._log(ask, Stage.FETCH) as log, _with_way_out(ask):
            commit = await self._commit(ask, log.say)
            found = Checkout(ask=ask, commit=commit)
            source = await self._checkout(found, log.say)
            find_dockerfile(source, ask.context_path, ask.dockerfile_path)
            await log.say(f"{'Unpacked source' if ask.source else 'Checked out commit'} {commit}\n")
        return found

    @activity.defn(name="build.build_image")
    async def build_image(self, checkout: Checkout) -> Built:
        """Build the image in the builder, whose cache makes the same commit again quick.

        The labels name the source only, so that the same commit gives the same image. Raises BuildFailed, SourceUnreachable,
        PlatformUnavailable. A cancellation ends the real build.
        """
        ask = checkout.ask
        async with self._log(ask, Stage.BUILD) as log, _with_way_out(ask):
            source = await self._checkout(checkout, log.say)
            context, dockerfile = find_dockerfile(source, ask.context_path, ask.dockerfile_path)
            text = await asyncio.to_thread((context / dockerfile).read_text, errors="replace")
            await self._check(ask, text)
            labels = {"org.opencontainers.image.revision": checkout.commit}
            if ask.repository and not ask.source:
                labels["org.opencontainers.image.source"] = ask.repository
            if self._slots.full:
                await tell("waiting for a free builder")
                await log.say("Waiting for a free builder\n")
            async with self._slots.held(ask.project):
                await tell(f"building {'source' if ask.source else 'commit'} {checkout.commit[:12]}")
                image_id = await self._builder.build(context, dockerfile, labels, log.say)
            await self._builder.keep(image_id, self._draft(ask).rpartition(":")[0])
        await self._clear(ask)
        await tell(f"built {image_id.removeprefix('sha256:')[:12]}")
        return Built(ask=ask, commit=checkout.commit, image_id=image_id)

    @activity.defn(name="build.push_image")
    async def push_image(self, built: Built) -> Pushed:
        """Push the image so that the registry has it by its digest, under no tag; idempotent.

        The engine can push by tag only: the draft tag goes up and is taken away again. Raises PushRefused,
        RegistryUnavailable, PlatformUnavailable.
        """
        ask = built.ask
        repository = parse(ask.image, self._registry.host).repository
        async with self._log(ask, Stage.PUSH) as log:
            await self._registry.ping()
            await self._builder.tag(built.image_id, self._draft(ask))
            try:
                digest = await self._builder.push(self._draft(ask), log.say)
            except PushRefused:
                await self._registry.ping()  # a registry that went away has not refused: that is tried again
                raise
            await self._registry.remove_tag(repository, draft_tag(ask.operation_id))
            await self._builder.untag(self._draft(ask))
            await log.say(f"{ask.image}@{digest}\n")
        await tell(digest)
        return Pushed(ask=ask, commit=built.commit, digest=digest)

    @activity.defn(name="build.move_tag")
    async def move_tag(self, pushed: Pushed) -> None:
        """Let the image's tag stand for the new image; idempotent."""
        ask = pushed.ask
        repository = parse(ask.image, self._registry.host).repository
        await self._registry.move_tag(repository, pushed.digest, pushed.tag)
        await tell(f"{ask.image}:{pushed.tag} is {pushed.digest}")

    @activity.defn(name="build.clear_workspace")
    async def clear_workspace(self, ask: BuildImage) -> None:
        """Undo of the fetch: the checkout is gone; idempotent."""
        await self._clear(ask)

    @activity.defn(name="build.withdraw_image")
    async def withdraw_image(self, built: Built) -> None:
        """Undo of the push: the draft tag is gone from the registry and the builder; idempotent."""
        repository = parse(built.ask.image, self._registry.host).repository
        await self._registry.remove_tag(repository, draft_tag(built.ask.operation_id))
        await self._builder.untag(self._draft(built.ask))

    async def _check(self, ask: BuildImage, dockerfile: str) -> None:
        """Raise BuildFailed for what a Dockerfile may not say; which base image would do is looked up only for that."""
        owners = owners_for(ask.project, ask.actor)
        try:
            check_dockerfile(dockerfile, self._registries, owners)
        except BuildFailed:
            with contextlib.suppress(NotImplementedYet):  # a registry may not tell what it has
                there = await self._registry.repositories(PUBLIC, MOST_REPOSITORIES)
                named = [name for name in there if name.rpartition("/")[2] in dockerfile]
                tags = await asyncio.gather(*(self._registry.tags(name) for name in named))
                check_dockerfile(dockerfile, self._registries, owners, dict(zip(named, map(lasting, tags), strict=True)))
            raise

    async def _clear(self, ask: BuildImage) -> None:
        await asyncio.to_thread(shutil.rmtree, self._place(ask), ignore_errors=True)

    def _log(self, ask: BuildImage, stage: Stage) -> StageLog:
        return StageLog(self._records, ask.operation_id, ask.attempt, stage)

    def _draft(self, ask: BuildImage) -> str:
        repository = parse(ask.image, self._registry.host).repository
        return f"{self._registry.host}/{repository}:{draft_tag(ask.operation_id)}"

    def _place(self, ask: BuildImage) -> Path:
        return self._workspace / ask.operation_id

    async def _commit(self, ask: BuildImage, say: Say) -> str:
        """What is built: a source is its own commit, of a branch it is the newest."""
        if ask.source:
            await say(f"Source {ask.source}\n")
            return ask.source.removeprefix("sha256:")
        await say(f"Repository {ask.repository}, branch {ask.branch}\n")
        commit = await self._git.commit_of(_repository(ask), ask.branch)
        await tell(f"commit {commit[:12]} of {ask.branch}")
        return commit

    async def _checkout(self, checkout: Checkout, say: Say) -> Path:
        """The directory with the commit's files, fetched unless this machine has it; a half-made one is never seen."""
        ask = checkout.ask
        place = self._place(ask)
        source = place / checkout.commit
        if not source.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=place))
            if ask.source:
                await self._unpack(ask.project, ask.source, draft)
            else:
                await self._git.checkout(_repository(ask), checkout.commit, draft, say)
            await asyncio.to_thread(draft.replace, source)
        return source

    async def _unpack(self, project: str, digest: str, directory: Path) -> None:
        """Write a source's files into the empty `directory`; raises SourceUnreachable where it is no longer kept."""
        found = await self._records.projects.get(project)
        hashed = hashlib.sha256()
        with tempfile.TemporaryFile(dir=directory.parent) as archive:
            async for piece in self._records.sources.pieces(found.id, digest):
                hashed.update(piece)
                await asyncio.to_thread(archive.write, piece)
            if f"sha256:{hashed.hexdigest()}" != digest:
                hint = f"Send the directory again, and build that: POST /v2/builds/{project}/sources."
                raise SourceUnreachable(f"The source {digest} is no longer kept.", hint=hint)
            unpacking = asyncio.create_task(asyncio.to_thread(archives.unpack, archive, directory))
            try:
                await asyncio.shield(unpacking)
            except asyncio.CancelledError:
                archive.close()  # no thread can be interrupted; this one ends when it reads on
                await asyncio.gather(unpacking, return_exceptions=True)
                raise


@contextlib.asynccontextmanager
async def _with_way_out(ask: BuildImage) -> AsyncIterator[None]:
    """A build that fails says what has to follow once it is mended, which who finds the cause does not know."""
    try:
        yield
    except (BuildFailed, SourceUnreachable) as failed:
        failed.hint = way_out(failed, ask.project, ask.target, sent=ask.source is not None)
        raise


def _repository(ask: BuildImage) -> str:
    """The repository of a build without a source: no other is accepted."""
    assert ask.repository
    return ask.repository
