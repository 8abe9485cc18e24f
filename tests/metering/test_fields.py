"""Values as people write them: durations, ratios and numbers exactly, names in one language or both."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from metering.fields import Duration, Identifier, Name, Named, Number, Ratio, Text, decimal, duration_ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [("500ms", 500), ("1s", 1000), ("1 s", 1000), ("0.25s", 250), ("15min", 900_000), ("1.5min", 90_000),
     ("1h", 3_600_000), ("1d", 86_400_000), (" 2s ", 2000), ("0.001s", 1)],
)  # fmt: skip
def test_durations(text, ms):
    assert duration_ms(text) == ms


@pytest.mark.parametrize(
    "text", ["", "5", 5, "0s", "-1s", "0.5ms", "1.0001s", "1 sec", "1m", "s", "1s2", "１s", None, True, "1e3s"]
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="duration"):
        duration_ms(text)


@given(st.integers(1, 10**9), st.sampled_from(["ms", "s", "min", "h", "d"]))
def test_whole_durations_are_exact(count, unit):
    assert (
        duration_ms(f"{count}{unit}")
        == count * {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}[unit]
    )


@pytest.mark.parametrize(
    ("text", "ratio"), [("200/5", Fraction(40)), (40, Fraction(40)), ("0.5", Fraction(1, 2)), (0.1, Fraction(1, 10))]
)
def test_ratios_are_exact(text, ratio):
    assert TypeAdapter(Ratio).validate_python(text) == ratio


@pytest.mark.parametrize("text", ["200:5", "1/0", "", None, "0", "-3", "inf", "nan"])
def test_what_is_no_ratio(text):
    with pytest.raises(ValidationError):
        TypeAdapter(Ratio).validate_python(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=9))
def test_numbers_keep_every_digit(value):
    assert decimal(format(value, "f")) == value
    assert TypeAdapter(Number).validate_python(str(value)) == value


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-Infinity", "1_000", "1,5", "", "abc", None, True, "0x10", "1e999", "١"]
)
def test_what_is_no_number(text):
    with pytest.raises(ValidationError):
        TypeAdapter(Number).validate_python(text)


def test_a_number_read_from_yaml_is_the_one_that_was_written():
    assert decimal(0.4585) == Decimal("0.4585")
    assert decimal(3) == 3


@pytest.mark.parametrize(("value", "text"), [("A1", "A1"), (123, "123"), (0.5, "0.5"), ("0123", "0123"), ("", "")])
def test_text(value, text):
    assert TypeAdapter(Text).validate_python(value) == text


@pytest.mark.parametrize("value", [None, True, [1], {"a": 1}])
def test_an_empty_value_is_not_the_text_none(value):
    with pytest.raises(ValidationError, match="not text"):
        TypeAdapter(Text).validate_python(value)


def test_a_name_in_one_language_serves_for_both():
    named = TypeAdapter(Named)
    assert named.validate_python("Main") == Name(zh="Main", en="Main")
    assert named.validate_python({"zh": "电"}) == Name(zh="电", en="")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("grid-1.a_B", True),
        ("1", True),
        ("", False),
        ("-a", False),
        ("a b", False),
        ("电", False),
        ("a" * 64, True),
        ("a" * 65, False),
        ("a\n", False),
    ],
)
def test_identifiers(text, fits):
    if fits:
        assert TypeAdapter(Identifier).validate_python(text) == text
    else:
        with pytest.raises(ValidationError):
            TypeAdapter(Identifier).validate_python(text)


def test_a_duration_in_a_model_is_milliseconds():
    assert TypeAdapter(Duration).validate_python("1s") == 1000
