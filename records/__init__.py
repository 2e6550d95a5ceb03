"""PostgreSQL: what must last. The only package that imports asyncpg."""

from records.database import Records, connect

__all__ = ["Records", "connect"]
