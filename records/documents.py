"""Documents with secrets in them: sealed as the contents of groups are, and who was shown them."""

from typing import Any

from records.sealing import Seal
from records.store import Executor, Row, Store


class SealedDocuments(Store):
    """A store of documents that are kept sealed when they have secrets in them."""

    def __init__(self, executor: Executor, seal: Seal) -> None:
        super().__init__(executor)
        self._seal = seal

    def _kept(self, content: str, *, secret: bool) -> dict[str, Any]:
        """The columns of a document; raises PlatformUnavailable without a key to seal a secret one with."""
        sealed = self._seal.close(content.encode()) if secret else None
        return {"content": None if secret else content, "sealed": sealed, "secret": secret}

    def _text(self, row: Row) -> str:
        """The document of a row, "" where it is gone; raises PlatformUnavailable without the key it was sealed with."""
        if not row["secret"]:
            return str(row["content"])
        return self._seal.open(row["sealed"]).decode() if row["sealed"] else ""


class DocumentStore(Store):
    """What concerns documents of templates and stacks alike; `subject` is the id of either."""

    sql = "documents"

    def __init__(self, executor: Executor, seal: Seal) -> None:
        super().__init__(executor)
        self._seal = seal

    async def note_read(self, subject: str, version: int, reader: str) -> None:
        """Record that somebody was shown the document of that version, which has secrets in it."""
        await self._call("insert_read", subject=subject, version=version, reader=reader)

    async def reads(self, subject: str, size: int, skip: int) -> tuple[int, list[dict[str, Any]]]:
        """Who was shown which version, and when, newest first; with the total."""
        rows = await self._rows("list_reads", subject=subject, size=size, skip=skip)
        return await self._count("count_reads", subject=subject), [dict(row) for row in rows]

    async def reseal(self) -> int:
        """Seal every document that is sealed with the newest key; returns how many. Idempotent, safe while the platform runs."""
        done = 0
        for owner in ("template", "stack"):
            for row in await self._rows(f"sealed_of_{owner}s"):
                place = {"id": row["id"], "number": row["number"]}
                if sealed := await self._call(f"get_sealed_of_{owner}", **place):
                    await self._call(f"replace_sealed_of_{owner}", **place, sealed=self._seal.renew(sealed))
                    done += 1
        return done
