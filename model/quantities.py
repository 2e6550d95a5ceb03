"""Amounts of cpu, memory and disk as Kubernetes writes them (Kubernetes: resource quantities)."""

import re
from decimal import Decimal

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)")
_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_LARGE = {"P": 10**15, "E": 10**18, "Pi": 2**50, "Ei": 2**60}
_SMALL = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("0.001")}
_UNITS: dict[str, Decimal] = {**{unit: Decimal(n) for unit, n in (_BYTES | _LARGE).items()}, **_SMALL}
_ANY = re.compile(r"([+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)")
_CPU = {"": Decimal(1), "m": Decimal("0.001")}


def cores(text: str) -> Decimal:
    """Cores of a cpu quantity; raises ValueError with the rule.

    >>> cores("0.1"), cores("250m")
    (Decimal('0.1'), Decimal('0.250'))
    """
    return _read(text, _CPU, 'must be cores like "0.5", or thousandths like "500m"')


def size(text: str) -> int:
    """Bytes of a memory or disk quantity, rounded down; raises ValueError with the rule.

    `m` is no unit here: to Kubernetes "256m" is a quarter of a byte, which nobody means.

    >>> size("256Mi"), size("1.5G")
    (268435456, 1500000000)
    """
    return int(_read(text, {unit: Decimal(n) for unit, n in _BYTES.items()}, 'must be bytes with a unit like "256Mi" or "1Gi"'))


def amount(text: str) -> Decimal:
    """Any quantity the cluster reports, in its base unit (cores, bytes, pieces); raises ValueError.

    >>> amount("24581692Ki"), amount("1500m"), amount("2e3")
    (Decimal('25171652608'), Decimal('1.500'), Decimal('2E+3'))
    """
    found = _ANY.fullmatch(text)
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{text!r} is not a quantity")
    return Decimal(found[1]) * _UNITS[found[2]]


def _read(text: str, units: dict[str, Decimal], rule: str) -> Decimal:
    found = _NUMBER.fullmatch(text)
    if found is None or found[2] not in units:
        raise ValueError(rule)
    return Decimal(found[1]) * units[found[2]]
