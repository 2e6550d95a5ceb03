"""Recorded histories against today's workflows (targets F10)."""
