"""The schema that stands is the one that the migrations make, and schema.sql tells it (architecture: Data)."""

from records.migrations import migrate, migration_files
from tests.instance import Instance
from tests.schema import FILE, described


async def test_schema_sql_equals_the_migrations(instance: Instance) -> None:
    assert await described(instance.database_url) == FILE.read_text(), "run `python -m tests.schema`"


async def test_migrating_again_does_nothing(instance: Instance) -> None:
    assert await migrate(instance.database_url) == []


def test_migrations_are_numbered_without_gaps() -> None:
    numbers = [int(file.name.split("_")[0]) for file in migration_files()]
    assert numbers == list(range(1, len(numbers) + 1))
