"""Pure functions from state to plan: batches, order, decisions. No I/O, no clock, no randomness."""
