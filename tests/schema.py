"""`python -m tests.schema`: write records/schema.sql, what the migrations come to, read from PostgreSQL's catalog."""

import asyncio
import os
from pathlib import Path

import asyncpg

from tests.instance import database
from tests.platform import environment

FILE = Path(__file__).parent.parent / "records" / "schema.sql"
_HEADER = "-- The whole schema as the migrations leave it, to be read; made by `python -m tests.schema`, run by nobody.\n"

_COLUMNS = """
SELECT c.relname AS name, string_agg(format('    %I %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, COALESCE(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')),
       E',\n' ORDER BY a.attname) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY c.relname ORDER BY c.relname
"""
_CONSTRAINTS = """
SELECT conname AS name, pg_get_constraintdef(oid) AS text FROM pg_constraint
WHERE conrelid = cast($1 AS regclass) AND contype <> 'n' ORDER BY conname
"""
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = $1 ORDER BY indexname"


async def described(url: str) -> str:
    """The tables with columns, constraints and indexes, each sorted by name: the order of migrations does not show."""
    connection = await asyncpg.connect(url)
    try:
        parts = [_HEADER]
        for table in await connection.fetch(_COLUMNS):
            constraints = await connection.fetch(_CONSTRAINTS, table["name"])
            lines = [table["columns"], *(f"    CONSTRAINT {row['name']} {row['text']}" for row in constraints)]
            parts.append(f"CREATE TABLE {table['name']} (\n" + ",\n".join(lines) + "\n);\n")
            indexes = [row["indexdef"] + ";" for row in await connection.fetch(_INDEXES, table["name"])]
            parts.append("\n".join(indexes) + "\n")
        return "\n".join(parts)
    finally:
        await connection.close()


async def _write() -> None:
    async with database() as url:
        FILE.write_text(await described(url))


if __name__ == "__main__":
    os.environ.update(environment())
    asyncio.run(_write())
