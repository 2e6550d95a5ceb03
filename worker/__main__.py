"""`python -m worker`. The guard matters: Temporal's sandbox imports modules again."""

import asyncio

from clients import logs
from worker.main import main

if __name__ == "__main__":
    logs.plain()
    asyncio.run(main())
