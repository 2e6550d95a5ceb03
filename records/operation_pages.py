"""The query of a page of operations, put together of what is asked for: an index is read from its end, however many there are.

One query for all filters (`x IS NULL OR …`) would be one plan for all of them, and so an index for none.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pydantic_core

from model.operation_error import NOT_RECORDED
from model.operations import TERMINAL, Status
from records.ids import first_id
from records.store import MOST_COUNTED

_EQUAL = {"project": "project", "target": "target_name", "kind": "kind", "actor": "actor", "parent": "parent_id"}
# An id has its time from the API's clock, created_at from PostgreSQL's. They are never further apart than this.
_CLOCKS_DIFFER = timedelta(hours=1)
_ERROR = f"('{pydantic_core.to_json(NOT_RECORDED).decode()}'::jsonb || error)::text AS error"
# What a list shows: what goes on as it is as text, and the ask, which may be large, only where a control may depend on it.
_COLUMNS = f"""id, kind, project, target_kind, target_name, target_id, actor, status, done, total, {_ERROR}, request::text,
    result::text, attempt, cancellable, CASE WHEN finished_at IS NULL THEN ask END AS ask, pause_asked, promoted, pause, parent_id,
    workflow_id, run_id, created_at, started_at, finished_at"""
_COUNTED = f"LIMIT {MOST_COUNTED + 1}"

FILTERS = (*_EQUAL, "status", "since", "until")
Filters = Mapping[str, str | datetime | None]


class _Params(list[Any]):
    """The query's parameters in their order."""

    def of(self, value: Any) -> str:
        """The place of one more."""
        self.append(value)
        return f"${len(self)}"


def page_query(filters: Filters, project_ids: Sequence[str] | None, before: str | None, size: int) -> tuple[str, list[Any]]:
    """SQL and parameters of up to `size` rows before the cursor, newest first; of those projects, None: of all.

    Each row has as `counted` how many match with the cursor left out, at most MOST_COUNTED + 1. Where none is before the
    cursor, one row without an id tells that.
    """
    params = _Params()
    matching = " AND ".join(_conditions(filters, params)) or "true"
    older = f"{matching} AND id < {params.of(before)}" if before else matching
    limit = f"LIMIT {params.of(size)}"
    if project_ids is None:
        counted, page = _of_all("", matching, _COUNTED), _of_all(_COLUMNS, older, limit)
    elif filters.get("project"):
        mine = f"project_id = ANY ({params.of(list(project_ids))})"
        counted, page = _of_all("", f"{mine} AND {matching}", _COUNTED), _of_all(_COLUMNS, f"{mine} AND {older}", limit)
    else:
        ids = params.of(list(project_ids))
        counted = f"{_of_each(ids, matching, _COUNTED)} {_COUNTED}"  # in no order: it ends where it has enough
        found = f"{_of_each(ids, older, limit)} ORDER BY newest.id DESC {limit}"
        page = f"SELECT {_COLUMNS} FROM operations JOIN ({found}) AS found USING (id)"
    count = f"SELECT count(*) AS counted FROM ({counted}) AS matching"
    return f"SELECT * FROM ({count}) AS count LEFT JOIN ({page}) AS page ON true ORDER BY page.id DESC", params


def _of_all(columns: str, where: str, limit: str) -> str:
    return f"SELECT {columns} FROM operations WHERE {where} ORDER BY id DESC {limit}"


def _of_each(ids: str, where: str, limit: str) -> str:
    """The ids of the newest of each of several projects."""
    newest = f"SELECT id FROM operations WHERE project_id = mine.project_id AND {where} ORDER BY id DESC {limit}"
    return f"SELECT newest.id FROM unnest({ids}::text[]) AS mine (project_id), LATERAL ({newest}) AS newest"


def _conditions(filters: Filters, params: _Params) -> list[str]:
    found = [f"{column} = {params.of(filters[name])}" for name, column in _EQUAL.items() if filters.get(name) is not None]
    if filters.get("status") is not None:
        status = Status(str(filters["status"]))
        # As a word, not as a parameter, and with what follows from it: so the partial indexes are known to have all of them.
        found.append(f"status = '{status}'" + ("" if status in TERMINAL else " AND finished_at IS NULL"))
    since, until = filters.get("since"), filters.get("until")
    if isinstance(since, datetime):
        found.append(f"created_at >= {params.of(since)} AND id >= {params.of(first_id('op', since - _CLOCKS_DIFFER))}")
    if isinstance(until, datetime):
        found.append(f"created_at < {params.of(until)} AND id < {params.of(first_id('op', until + _CLOCKS_DIFFER))}")
    return found
