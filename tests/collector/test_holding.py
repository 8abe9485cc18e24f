"""Falling and jumping counters (reliability.md D14, QUIRKS 5.1 and 5.4): doubtful until two further readings agree."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from collector.holding import Holding, level_of
from metering.reading import MICRO, Quality

KWH = 1_000_000
PERIOD_MS = 60_000


def graded(values: list[float | None], rated_kw: float | None = 100.0, data_type: str = "uint32") -> list[Quality]:
    """The quality of each reading [kWh] of a counter read once a minute."""
    holding = Holding([level_of("active_energy_import", rated_kw, data_type, Fraction(1, 100))])
    grades = []
    for number, value in enumerate(values):
        found = holding.grade(number * PERIOD_MS, [None if value is None else round(value * KWH)])
        grades.append(Quality(found[0]) if found else Quality.GOOD)
    return grades


G, Q = Quality.GOOD, Quality.QUESTIONABLE


def test_a_counter_that_rises_is_good() -> None:
    assert graded([100, 101, 101, 102.5, None, 104]) == [G] * 6


def test_d14_a_dip_to_zero_that_heals_within_three_readings_is_doubted_and_nothing_else() -> None:
    assert graded([100, 0, 101, 102]) == [G, Q, G, G]
    assert graded([100, 0, 0, 101, 102]) == [G, Q, Q, G, G]


def test_a_reset_counts_from_its_second_confirmation_on() -> None:
    assert graded([100, 0, 0.5, 1, 1.5]) == [G, Q, Q, G, G]


def test_three_zeros_are_a_reset_and_the_old_value_again_a_jump() -> None:
    assert graded([100, 0, 0, 0, 103, 104, 105, 106]) == [G, Q, Q, G, Q, Q, G, G]


def test_a_torn_read_at_the_carry_is_doubted() -> None:
    assert graded([655.0, 655.3, 1310.7, 655.6, 656]) == [G, G, Q, G, G]  # high word new, low word old


def test_a_jump_that_stays_is_confirmed() -> None:
    assert graded([100, 101, 5000, 5001, 5002, 5003]) == [G, G, Q, Q, G, G]


def test_two_different_doubts_do_not_confirm_each_other() -> None:
    assert graded([100, 0, 5000, 3, 7000, 101]) == [G, Q, Q, Q, Q, G]


def test_without_a_rated_power_the_counters_own_pace_tells() -> None:
    steady = [float(n) for n in range(20)]
    assert graded([*steady, 900.0, 20.0], rated_kw=None) == [G] * 20 + [Q, G]
    assert graded([0.0, 900.0], rated_kw=None) == [G, G]  # nothing is known yet


def test_a_rated_power_that_is_too_small_does_not_doubt_for_ever() -> None:
    assert graded([10.0 * n for n in range(12)], rated_kw=1)[-4:] == [G] * 4


def test_a_float_registers_coarse_steps_are_no_jumps() -> None:
    assert graded([1e6, 1e6 + 0.0625, 1e6 + 0.125], rated_kw=0.001, data_type="float32") == [G] * 3


def test_a_gauge_beside_it_is_never_graded() -> None:
    holding = Holding([None, level_of("active_energy_import", 100.0, "uint32", Fraction(1))])
    assert holding.grade(0, [5.0, 10 * MICRO]) is None
    assert holding.grade(PERIOD_MS, [-5.0, 0]) == bytes([G, Q])


@given(st.lists(st.integers(0, 2 * KWH), min_size=1, max_size=40), st.integers(1, 39), st.integers(1, 2))
def test_a_healed_dip_never_doubts_a_true_reading(rises: list[int], at: int, length: int) -> None:
    level = level_of("active_energy_import", 150.0, "uint32", Fraction(1, 100))
    value = 5000 * KWH
    for number, rise in enumerate([0, *rises]):
        value += rise
        dipped = at <= number < at + length
        assert level.doubtful(number * PERIOD_MS, 0 if dipped else value) is dipped
