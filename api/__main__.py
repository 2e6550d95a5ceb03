"""`python -m api`."""

from api import server
from clients.settings import Settings

if __name__ == "__main__":  # each of several processes imports this, too
    server.run(Settings())
