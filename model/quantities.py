"""Amounts of cpu, memory and disk as Kubernetes writes them (Kubernetes: resource quantities).

An amount is a value: `100m` is `0.1`, `64Mi` is `65536Ki`. It is shown as it was written and compared by what it is.
"""

import re
from decimal import Decimal

_THOUSANDS = ("", "k", "M", "G", "T", "P", "E")
_BYTES = {unit: Decimal(1000) ** power for power, unit in enumerate(_THOUSANDS)}
_BYTES |= {f"{unit.upper()}i": Decimal(1024) ** power for power, unit in enumerate(_THOUSANDS) if power}
_UNITS = _BYTES | {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
# Longer numbers and exponents than any amount needs are refused: to reckon with them takes for ever.
_QUANTITY = re.compile(r"([+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}))(?:[eE]([+-]?[0-9]{1,3})|([A-Za-z]{0,2}))")
_COMPOSE_SIZE = re.compile(r"([0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:([bkmg])(?:(?<=[kmg])i?b)?)?", re.IGNORECASE)
_CPU_RULE = 'must be cores like "0.5", or thousandths like "500m"'
_SIZE_RULE = 'must be bytes with a unit like "256Mi" or "1Gi"'


def cores(text: str) -> Decimal:
    """Cores of a cpu quantity; raises ValueError with the rule.

    >>> cores("0.1"), cores("250m"), cores(".5"), cores("1e3") == cores("1k")
    (Decimal('0.1'), Decimal('0.250'), Decimal('0.5'), True)
    """
    return _read(text, _UNITS, _CPU_RULE)


def size(text: str) -> int:
    """Bytes of a memory or disk quantity, rounded down; raises ValueError with the rule.

    `m` is no unit here: to Kubernetes "256m" is a quarter of a byte, which nobody means.

    >>> size("256Mi"), size("1.5G"), size("129e6"), size("128974848")
    (268435456, 1500000000, 129000000, 128974848)
    """
    return int(_read(text, _BYTES, _SIZE_RULE))


def compose_size(text: str) -> int:
    """Bytes of a size as Compose writes it, where k, m and g are powers of 1024; raises ValueError (Compose: byte values).

    >>> compose_size("64m"), compose_size("512kb"), compose_size("1.5G"), compose_size("100b"), compose_size("4096")
    (67108864, 524288, 1610612736, 100, 4096)
    """
    found = _COMPOSE_SIZE.fullmatch(text)
    if found is None:
        raise ValueError("must be bytes, or a number with k, m or g (256m is 256 MiB)")
    return int(Decimal(found[1]) * 1024 ** "bkmg".index((found[2] or "b").lower()))


def amount(text: str) -> Decimal:
    """Any quantity, in its base unit (cores, bytes, pieces); raises ValueError.

    >>> amount("24581692Ki"), amount("1500m"), amount("2e3")
    (Decimal('25171652608'), Decimal('1.500'), Decimal('2E+3'))
    """
    return _read(text, _UNITS, f"{text!r} is not a quantity")


def same(one: str | None, other: str | None) -> bool:
    """Whether two amounts of one resource are the same, however they are written; None is no amount.

    >>> same("100m", "0.1"), same("64Mi", "65536Ki"), same("1", "1000m"), same("1G", "1Gi"), same(None, "0")
    (True, True, True, False, False)
    """
    return one == other or (one is not None and other is not None and amount(one) == amount(other))


def _read(text: str, units: dict[str, Decimal], rule: str) -> Decimal:
    found = _QUANTITY.fullmatch(text)
    if found is None or (found[3] or "") not in units:
        raise ValueError(rule)
    return Decimal(found[1]).scaleb(int(found[2])) if found[2] else Decimal(found[1]) * units[found[3]]
