"""Speed as ratios: ours and a reference in turn, on the same machine in the same run (targets: Speed)."""
