"""Programs that the reference sides run."""

import asyncio


async def run(*words: str, stdin: str = "") -> str:
    """What a program writes; raises RuntimeError with what it wrote to stderr."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=pipe)
    out, err = await process.communicate(stdin.encode())
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: {err.decode()}")
    return out.decode()
