"""What a crash at every step leaves: the same end state (targets F1)."""
