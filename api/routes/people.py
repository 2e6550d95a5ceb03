"""Users and tokens (mission M). A token is shown once; only its hash is stored."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter

from api.access import Caller, allow
from api.parameters import moment
from api.services import Using
from model.access import NewToken, NewUser
from model.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Unauthenticated
from model.names import check_user_name
from records.store import Row

router = APIRouter(prefix="/v2", tags=["people"])


@router.get("/users/me")
async def get_me(caller: Annotated[Caller, allow(None)]) -> dict[str, Any]:
    """Whose token this is, and its roles by project."""
    return {"name": caller.actor.name, "admin": caller.actor.admin, "roles": caller.actor.roles}


@router.post("/users", status_code=201)
async def create_user(services: Using, caller: Annotated[Caller, allow("platform:admin")], body: NewUser) -> dict[str, Any]:
    """Create a user."""
    check_user_name(body.name)
    row = await services.records.people.add_user(body.name, admin=body.admin)
    return {"name": row["name"], "admin": row["admin"], "createdAt": row["created_at"]}


@router.get("/users")
async def list_users(services: Using, caller: Annotated[Caller, allow("platform:admin")]) -> dict[str, Any]:
    """List all users."""
    rows = await services.records.people.users()
    users = [{"name": r["name"], "admin": r["admin"], "createdAt": r["created_at"]} for r in rows]
    return {"total": len(users), "page": 0, "size": len(users), "users": users}


@router.delete("/users/{name}")
async def delete_user(services: Using, caller: Annotated[Caller, allow("platform:admin")], name: str) -> dict[str, Any]:
    """Delete a user: tokens and memberships go, and what they have open ends; what they deployed goes on running.

    409 for oneself, so that an admin is left.
    """
    if name == caller.actor.name:
        raise Conflict(
            f"{name!r} is yourself: nobody can delete the user they are signed in as.", hint="Have another platform admin do it."
        )
    if not await services.records.people.delete_user(name):
        raise NotFound(f"There is no user {name!r}.", hint="See them: GET /v2/users.")
    return {"Code": 0, "Message": ""}


@router.post("/tokens", status_code=201)
async def create_token(services: Using, caller: Annotated[Caller, allow(None)], body: NewToken) -> dict[str, Any]:
    """Create a token for oneself, or as an admin for anybody; the reply is the only place that shows it.

    It ends with the token it is made with (`parent`), whoever it is for: at its time at the latest, and when that is revoked.
    """
    if body.user != caller.actor.name and not caller.actor.admin:
        raise Forbidden("Only a platform admin makes tokens for others.", hint="Name yourself as user.")
    if await services.records.people.user(body.user) is None:
        rule = f"there is no user {body.user!r}"
        raise Invalid(
            f"user: {rule}.", hint="Create the user first: POST /v2/users.", problems=[Problem(field="user", message=rule)]
        )
    parent = await services.records.people.token(caller.token)
    if parent is None:
        raise Unauthenticated("Your token was revoked, or has expired.")
    expires_at = _moment(body.expires_at)
    if expires_at and parent["expires_at"] and expires_at > parent["expires_at"]:
        rule = f"must not be later than {parent['expires_at']:%Y-%m-%dT%H:%M:%SZ}, when the token that you make it with expires"
        raise Invalid(f"expiresAt: {rule}.", problems=[Problem(field="expiresAt", message=rule)])
    token, row = await services.records.people.add_token(body.user, body.name, expires_at, caller.token)
    return {**_shown(row), "token": token}


@router.get("/tokens")
async def list_tokens(services: Using, caller: Annotated[Caller, allow(None)], user: str | None = None) -> dict[str, Any]:
    """List one's own tokens, an admin everybody's or those of one `user`; without the tokens themselves."""
    if not caller.actor.admin and user not in (None, caller.actor.name):
        raise Forbidden("Only a platform admin sees the tokens of others.", hint="Leave user out, or name yourself.")
    rows = await services.records.people.tokens(user if caller.actor.admin else caller.actor.name)
    return {"total": len(rows), "page": 0, "size": len(rows), "tokens": [_shown(r) for r in rows]}


@router.delete("/tokens/{token_id}")
async def delete_token(services: Using, caller: Annotated[Caller, allow(None)], token_id: str) -> dict[str, Any]:
    """Revoke a token of one's own, an admin anybody's; what was made with it is revoked with it."""
    if not await services.records.people.delete_token(token_id, None if caller.actor.admin else caller.actor.name):
        raise NotFound(f"There is no token {token_id!r}.")
    return {"Code": 0, "Message": ""}


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    rule = "must be a time to come like 2030-01-31T12:00:00Z, with its zone"
    try:
        found = moment(datetime.fromisoformat(text))
    except ValueError:
        found = None
    if found is None or found <= datetime.now(UTC):
        raise Invalid(f"expiresAt: {rule}.", problems=[Problem(field="expiresAt", message=rule)])
    return found


def _shown(row: Row) -> dict[str, Any]:
    names = {"id": "id", "user": "user_name", "name": "name", "parent": "parent_id"}
    names |= {"createdAt": "created_at", "expiresAt": "expires_at"}
    return {shown: row[column] for shown, column in names.items()}
