"""Users and bearer tokens (mission M)."""

from collections.abc import Collection
from datetime import datetime

from model.access import Actor, Role
from model.errors import Conflict, Unauthenticated
from records.ids import new_id, new_token, token_hash
from records.store import Row, Store


class PeopleStore(Store):
    """Users and tokens; a token is returned once, when made, and only its hash is kept."""

    sql = "people"

    async def ensure_admin(self, name: str, token: str) -> None:
        """Make `name` a platform admin who has `token`; idempotent."""
        await self._call("upsert_user", name=name, admin=True)
        await self._call("replace_token", id=new_id("tok"), hash=token_hash(token), user=name, name="bootstrap")

    async def add_user(self, name: str, *, admin: bool) -> Row:
        """Insert a user; raises Conflict when the name is taken, or was a deleted user's of whom records tell."""
        row: Row | None = await self._call("insert_user", name=name, admin=admin)
        if row is None:
            there = "exists already" if await self.user(name) else "was deleted, and records tell what they did under that name"
            raise Conflict(f"The user {name!r} {there}.", hint="Choose another name.")
        return row

    async def user(self, name: str) -> Row | None:
        """The user of that name, or None."""
        row: Row | None = await self._call("get_user", name=name)
        return row

    async def known_to(self, actor: str, user: str) -> bool:
        """Whether the two are in a project together."""
        return bool(await self._call("known_to", actor=actor, user=user))

    async def users(self) -> list[Row]:
        """All users by name."""
        return await self._rows("list_users")

    async def delete_user(self, name: str) -> bool:
        """Delete a user with tokens and memberships; whether there was one. Records go on naming who did what.

        Raises Conflict for the last platform admin.
        """
        if await self._call("delete_user", name=name) is not None:
            return True
        if await self.user(name):
            raise Conflict(f"{name!r} is the last platform admin.", hint="Create another first: POST /v2/users.")
        return False

    async def token(self, hashed: bytes) -> Row | None:
        """The token of that hash (id, expires_at), or None."""
        row: Row | None = await self._call("token_of_hash", hash=hashed)
        return row

    async def add_token(self, user: str, name: str, expires_at: datetime | None, parent: bytes | None = None) -> tuple[str, Row]:
        """Make a token for `user`; returns the token itself, shown this once, and its row. Raises Conflict on the name.

        One with a `parent` (a token's hash) ends with it: at its time at the latest, and when it is revoked. Raises Unauthenticated
        where that is gone.
        """
        token, made = new_token(), {"id": new_id("tok"), "user": user, "name": name}
        row = await self._call("insert_token", **made, hash=token_hash(token), expires_at=expires_at, parent=parent)
        if row is None and parent and await self.token(parent) is None:
            raise Unauthenticated("The token is unknown, expired or revoked.")
        if row is None:
            raise Conflict(f"{user!r} has a token named {name!r} already.", hint="Choose another name, or delete that token.")
        return token, row

    async def tokens(self, user: str | None) -> list[Row]:
        """Tokens of `user`, or of everybody; never the tokens themselves."""
        return await self._rows("list_tokens", user=user)

    async def delete_token(self, token_id: str, user: str | None) -> bool:
        """Revoke a token (of `user`, where given); whether there was one."""
        return await self._call("delete_token", id=token_id, user=user) is not None

    async def actors(self, hashes: Collection[bytes]) -> dict[bytes, Actor]:
        """By token's hash whose it is, with the roles by project; without those that are unknown or expired."""
        rows = await self._rows("actors_of_tokens", hashes=list(hashes))
        return {row["hash"]: _actor(row) for row in rows}


def _actor(row: Row) -> Actor:
    roles = {name: Role(role) for name, (_id, role) in row["projects"].items()}
    ids = {name: project_id for name, (project_id, _role) in row["projects"].items()}
    return Actor(
        name=row["name"], admin=row["admin"], roles=roles, project_ids=ids, deleted_projects=frozenset(row["deleted_projects"])
    )
