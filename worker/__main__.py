"""`python -m worker`. The guard matters: Temporal's sandbox imports modules again."""

import asyncio

from worker.main import main

if __name__ == "__main__":
    asyncio.run(main())
