"""Entry point `python -m worker`: carries the operations out."""
