"""How long what failed for a reason that passes is left alone: longer each time, and spread by chance (pure)."""

_FIRST = 0.2
_GROWTH = 2.0
_MOST_GROWN = 10  # tries; beyond it nothing grows any more


def pause(attempt: int, chance: float, longest: float) -> float:
    """Seconds until the next try, after the `attempt`-th (from 1) failed; `chance`, 0 to 1, spreads those that failed together.

    >>> [pause(attempt, 1.0, 15) for attempt in (1, 2, 5, 400)]
    [0.2, 0.4, 3.2, 15.0]
    >>> pause(400, 0.0, 15)
    7.5
    """
    return min(longest, _FIRST * _GROWTH ** (min(attempt, _MOST_GROWN) - 1)) * (1 + chance) / 2
