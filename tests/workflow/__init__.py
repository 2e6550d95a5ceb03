"""Workflows on the real Temporal server, with stand-ins for their activities."""
