"""One workflow a file: the durable operations. Deterministic; the sandbox stays on. Pure plans are in planning/."""
