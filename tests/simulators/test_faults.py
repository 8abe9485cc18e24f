"""Faults as functions: on values, on answers, by the clock and by the count."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.faults import RIGHT, Device, Fault, Line, answers, connection, rolled, shown

DEVICE = Device(frozenset({"active_energy_import", "run_hours"}), {"active_energy_import": 10_000_000})
FRAME = bytes.fromhex("1234 0000 0007 05 03 04 4248 0000")  # unit 5, function 3, two registers: 50.0
FOREVER = 2**53


def truth(ms: int) -> dict[str, int | float | None]:
    return {"active_energy_import": 5_000_000 + 10 * ms, "run_hours": 7_000 + ms, "active_power": 36.0 + ms / 1000}


def at(ms: int, *faults: Fault) -> dict[str, int | float | None]:
    return dict(shown(DEVICE, faults, ms, truth))


def test_without_faults_the_truth_is_shown() -> None:
    assert at(1234) == truth(1234)


def test_stuck_shows_the_first_second_again_and_then_lets_go() -> None:
    fault = Fault("d", "stuck", 1000, 500)
    assert at(999, fault) == truth(999)
    assert at(1499, fault) == truth(1000)
    assert at(1500, fault) == truth(1500)


def test_a_reset_starts_at_zero_and_stays_so() -> None:
    fault = Fault("d", "reset", 1000, FOREVER)
    assert at(1000, fault)["active_energy_import"] == 0
    assert at(90_000, fault)["active_energy_import"] == 890_000
    assert at(90_000, fault)["active_power"] == truth(90_000)["active_power"]


@pytest.mark.parametrize("counter", [0, 12_500_000, 412_000_000_000])
def test_a_swapped_meter_starts_anywhere(counter: int) -> None:
    fault = Fault("d", "swap", 1000, FOREVER, counter=counter)
    assert at(999, fault) == truth(999)
    assert at(2000, fault)["active_energy_import"] == counter + 10_000
    assert at(2000, fault)["run_hours"] == 1000


def test_a_rollover_wraps_at_its_start_and_was_near_the_end_before() -> None:
    fault = Fault("d", "rollover", 1000, FOREVER)
    assert at(900, fault)["active_energy_import"] == 10_000_000 - 1000
    assert at(1000, fault)["active_energy_import"] == 0
    assert at(1100, fault)["active_energy_import"] == 1000
    assert at(900, fault)["run_hours"] == truth(900)["run_hours"]  # its register has no end


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(2, 10**13))
def test_rolling_keeps_differences_modulo_the_modulus(value: int, at_start: int, modulus: int) -> None:
    assert (rolled(value + 12_345, at_start, modulus) - rolled(value, at_start, modulus) - 12_345) % modulus == 0


def test_nan_concerns_the_named_quantities_alone() -> None:
    fault = Fault("d", "nan", 0, 500, quantities=frozenset({"active_power"}))
    assert at(100, fault) == {**truth(100), "active_power": None}


def test_zeros_heal() -> None:
    fault = Fault("d", "zeros", 100, 100)
    assert at(150, fault)["active_energy_import"] == 0
    assert at(200, fault) == truth(200)


def test_drift_grows_with_what_flows() -> None:
    fault = Fault("d", "drift", 1000, FOREVER, rate=0.02)
    assert at(1000, fault) == truth(1000)
    assert at(11_000, fault)["active_energy_import"] == 5_010_000 + 102_000


def test_a_wrong_ct_touches_what_goes_through_it_and_wrong_wires_turn_it_round() -> None:
    small, turned = Fault("d", "ct", 0, FOREVER, factor=Fraction(11, 10)), Fault("d", "reversed", 0, FOREVER)
    assert connection([]) == connection([Fault("d", "stuck", 0, 1)]) == connection([turned, turned]) == RIGHT
    both = connection([small, turned])
    assert both.asked("active_energy_import") == ("active_energy_export", Fraction(11, 10))
    assert both.asked("active_power_l2") == ("active_power_l2", Fraction(-11, 10))
    assert both.asked("current_l1") == ("current_l1", Fraction(11, 10))
    assert both.asked("voltage_l1") == RIGHT.asked("voltage_l1") == ("voltage_l1", 1)
    assert connection([small]).asked("reactive_energy_import") == ("reactive_energy_import", Fraction(11, 10))


def one(kind: str, **more: int) -> list[tuple[int, str, str | None, bool]]:
    sent = answers(FRAME, Fault("d", kind, 0, 1, **more))  # type: ignore[arg-type]
    return [(s.delay_ms, s.frame.hex(), s.fault, s.close) for s in sent]


def test_answers_on_the_wire() -> None:
    good = FRAME.hex()
    assert [(s.frame, s.fault) for s in answers(FRAME, None)] == [(FRAME, None)]
    assert one("late", delay_ms=1400) == [(1400, good, "late", False)]
    assert one("lost") == [(0, "", "lost", False)]
    assert one("short") == [(0, "123400000005" + "0503" + "02" + "4248", "short", False)]
    assert one("duplicate") == [(0, good, "duplicate", False)] * 2
    assert one("wrong_unit") == [(0, "123400000007" + "06" + good[14:], "wrong_unit", False)]
    assert one("wrong_transaction") == [(0, "52" + good[2:], "wrong_transaction", False)]
    assert one("exception", code=6) == [(0, "123400000003" + "05" + "83" + "06", "exception", False)]
    assert one("cut") == [(0, good[: len(good) // 2 - 1], "cut", True)]


def test_a_short_answer_needs_two_registers_to_lose_one() -> None:
    single = bytes.fromhex("0001 0000 0005 05 03 02 0001")
    assert answers(single, Fault("d", "short", 0, 1))[0] == (0, single, None, False)


def test_every_third_answer_and_only_in_time() -> None:
    line = Line([Fault("d", "lost", 100, 1000, every=3)])
    kinds = [line.next(target, ms) for ms in range(0, 1300, 100) for target in ("d", "other")]
    hit = [index // 2 * 100 for index, fault in enumerate(kinds) if fault]
    assert hit == [300, 600, 900]
