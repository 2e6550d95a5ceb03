"""How long a step is left alone after a try that failed for a reason that passes: longer each time, spread by chance (pure)."""

_FIRST = 0.2
_LONGEST = 15.0
_GROWTH = 2.0
_MOST_GROWN = 10  # tries; beyond it nothing grows any more


def pause(attempt: int, chance: float) -> float:
    """Seconds until the next try, after the `attempt`-th failed; `chance`, 0 to 1, spreads those that failed together.

    >>> [pause(attempt, 1.0) for attempt in (1, 2, 5, 400)]
    [0.2, 0.4, 3.2, 15.0]
    >>> pause(400, 0.0)
    7.5
    """
    longest = min(_LONGEST, _FIRST * _GROWTH ** (min(attempt, _MOST_GROWN) - 1))
    return longest * (1 + chance) / 2
