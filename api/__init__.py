"""Entry point `python -m api`: the v2 HTTP API over records, clients and the workflows it starts."""
