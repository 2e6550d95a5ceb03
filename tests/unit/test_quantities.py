"""Amounts are values: every form that Kubernetes and Compose have is read, and equal ones are equal however they are written."""

import doctest
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from model import quantities
from model.compose import parse
from model.quantities import amount, compose_size, cores, same, size

UNITS = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
NUMBERS = st.decimals(Decimal("0"), Decimal("99999999"), places=3)


def test_the_examples_hold() -> None:
    assert doctest.testmod(quantities).failed == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [(".5", "0.5"), ("1e3", "1000"), ("100u", "0.0001"), ("5.", "5"), ("1E-1", "0.1"), ("0.10", "0.1"), ("2E", "2e18")],
)
def test_every_form_of_kubernetes_is_read(text: str, value: str) -> None:
    assert cores(text) == amount(text) == Decimal(value)


@given(NUMBERS, st.sampled_from(UNITS))
def test_it_reads_what_kubernetes_own_client_reads(number: Decimal, unit: str) -> None:
    assert amount(f"{number}{unit}") == parse_quantity(f"{number}{unit}")


@given(NUMBERS, st.integers(-9, 9))
def test_an_exponent_is_a_power_of_ten(number: Decimal, exponent: int) -> None:
    assert amount(f"{number}e{exponent}") == number.scaleb(exponent)


@given(st.integers(0, 10**9), st.sampled_from(["", "k", "M", "G", "T"]))
def test_an_amount_is_the_same_in_every_unit_it_can_be_written_in(number: int, unit: str) -> None:
    value = Fraction(amount(f"{number}{unit}"))
    for other in UNITS:
        count = value / Fraction(amount(f"1{other}"))
        if count.denominator == 1:
            assert same(f"{number}{unit}", f"{count.numerator}{other}")
    assert same(f"{number}{unit}", f"{number}.000{unit}")
    assert not same(f"{number}{unit}", f"{number + 1}{unit}")


@pytest.mark.parametrize(
    "text", ["", ".", "1KI", "1 Mi", "e3", "1e", "1mi", "1e9999", "9" * 50, "٣", "1Mi\n", "0x10", "1_000", "nan", "inf"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    for read in (cores, size, amount):
        with pytest.raises(ValueError, match=r"must be|is not a quantity"):
            read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64m", 2**26),
        ("1g", 2**30),
        ("512kb", 2**19),
        ("100b", 100),
        ("1.5G", 3 * 2**29),
        (".5g", 2**29),
        ("64MiB", 2**26),
        ("4194304", 2**22),
    ],
)
def test_every_form_of_compose_is_read(text: str, value: int) -> None:
    assert compose_size(text) == value
    if value >= 2**22:
        assert parse(f"web: {{image: x, mem_limit: '{text}'}}", "s").services[0].memory == value


@pytest.mark.parametrize("text", ["64q", "m", "1tb", "", "1ib", "-1m", "1 m", "1bb"])
def test_what_is_no_size_of_compose_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="256m is 256 MiB"):
        compose_size(text)
