"""The nouns of the platform: pydantic models and pure functions, no I/O, no clock, no randomness."""
