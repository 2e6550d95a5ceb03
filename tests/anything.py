"""Stand-ins for records and clients of which everything may be asked: all of it is there, and empty."""

import asyncio
from collections.abc import Generator, Iterator
from typing import Any


class Anything:
    """Whatever is asked of it, called, awaited or entered is such a thing again; `known` has what is not."""

    def __init__(self, **known: Any) -> None:
        self.__dict__.update(known)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return ANYTHING

    def __call__(self, *_: Any, **__: Any) -> Any:
        return ANYTHING

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        return ANYTHING

    async def __aenter__(self) -> Any:
        return ANYTHING

    async def __aexit__(self, *_: object) -> None:
        return

    def __enter__(self) -> Any:
        return ANYTHING

    def __exit__(self, *_: object) -> None:
        return

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __aiter__(self) -> "Anything":
        return self

    async def __anext__(self) -> Any:
        raise StopAsyncIteration

    def __getitem__(self, _: object) -> Any:
        return ANYTHING

    def __contains__(self, _: object) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def __int__(self) -> int:
        return 1


ANYTHING = Anything()
