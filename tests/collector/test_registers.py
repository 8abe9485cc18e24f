"""Words to numbers and back: every type and order, sentinels, exact counters, scale factors, fractions, sums."""

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.datatypes import DATA_TYPES, Number, Order, arranged
from collector.exact import half_even
from collector.fields import Field, Term, wired
from collector.registers import Decoder, compile_decoder, step
from metering.reading import INT64_MAX, MICRO, Block, GapReason

ORDERS: tuple[Order, ...] = ("ABCD", "CDAB", "BADC", "DCBA")
INTEGERS = [name for name, kind in DATA_TYPES.items() if kind.code and not kind.real]
REALS = ["float32", "float64"]


def counter(kind: str, factor: Fraction = Fraction(1), order: Order = "ABCD", **more) -> Field:
    return Field("active_energy_import", True, 3, Number(0, kind, order), factor, **more)


def gauge(kind: str, factor: Fraction = Fraction(1), order: Order = "ABCD", **more) -> Field:
    return Field("active_power", False, 3, Number(0, kind, order), factor, **more)


def one(field: Field) -> Decoder:
    return Decoder([field], [Block(3, 0, 20)])


def value(field: Field, hex_words: str) -> int | float | None:
    return one(field).decode([bytes.fromhex(hex_words).ljust(40, b"\0")]).values[0]


# --- golden values from outside -------------------------------------------------------------------------------------


def test_the_kipp_and_zonen_manual_s_own_example() -> None:
    assert value(gauge("int16", Fraction(1, 10)), f"{248:04x}") == 24.8


@pytest.mark.parametrize(
    ("order", "words"), [("ABCD", "12345678"), ("CDAB", "56781234"), ("BADC", "34127856"), ("DCBA", "78563412")]
)
def test_the_four_byte_orders_hold_the_same_number(order: Order, words: str) -> None:
    assert value(gauge("uint32", order=order), words) == 0x12345678


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_also_carries_floats_and_64_bits(order: Order) -> None:
    assert value(gauge("float32", order=order), arranged(struct.pack(">f", -2.5), order).hex()) == -2.5
    assert value(gauge("int64", order=order), arranged(struct.pack(">q", -(2**40)), order).hex()) == -(2**40)


def test_bcd_totals_are_digits_not_integers() -> None:
    assert value(counter("bcd48", Fraction(1, 10000)), "012345678901") == 1234567890100
    assert value(counter("bcd32"), "00000042") == 42 * MICRO


def test_the_low_byte_alone_is_read() -> None:
    assert value(gauge("low8"), f"{806:04x}") == 38  # TUF-2000M register 92


def test_temperature_is_raw_minus_fifty_on_a_mam_controller() -> None:
    assert value(gauge("int16", offset=Fraction(-50)), f"{132:04x}") == 82


# --- not available ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("uint16", "ffff"), ("int16", "8000"), ("uint32", "ffffffff"), ("int32", "80000000"), ("bitfield16", "ffff"),
        ("uint64", "ffffffffffffffff"), ("int64", "8000000000000000"), ("float32", "7fc00000"), ("float32", "ffc00000"),
        ("float32", "7f800000"), ("float32", "ff800000"), ("float64", "7ff8000000000000"),
        ("float64", "fff0000000000000"), ("low8", "01ff"), ("bcd32", "ffffffff"), ("bcd48", "00000000000a"),
    ],
)  # fmt: skip
def test_what_means_not_available_is_masked_before_scaling(kind: str, words: str) -> None:
    decoded = one(gauge(kind, Fraction(1, 10))).decode([bytes.fromhex(words).ljust(40, b"\0")])
    assert decoded == ((None,), ((0, GapReason.INVALID_VALUE),))


def test_a_point_has_sentinels_of_its_own() -> None:
    field = Field("active_power", False, 3, Number(0, "float32", sentinels=(0xFF7FFFFF,)), Fraction(1))
    assert value(field, "ff7fffff") is None  # SolarEdge batteries: -FLT_MAX
    assert value(field, "ff7ffffe") is not None


def test_the_reason_is_told_in_words() -> None:
    words = [bytes.fromhex("ffff").ljust(40, b"\0")]
    assert one(gauge("uint16")).explain(words, 0) == "register 0: 65535 means not available"
    assert one(counter("int16")).explain([b"\xff\xfe".ljust(40, b"\0")], 0).startswith("negative")


# --- counters are exact -----------------------------------------------------------------------------------------------


def test_a_counter_below_zero_is_no_counter_unless_the_profile_says_so() -> None:
    assert value(counter("int32", Fraction(1, 100)), "ffffff9c") is None
    assert value(counter("int32", Fraction(1, 100), absolute=True), "ffffff9c") == MICRO  # Huawei 37119


def test_what_does_not_fit_int64_is_no_value() -> None:
    assert value(counter("uint64"), f"{INT64_MAX // MICRO:016x}") == INT64_MAX // MICRO * MICRO
    assert value(counter("uint64"), f"{INT64_MAX // MICRO + 1:016x}") is None
    assert value(counter("float64"), struct.pack(">d", 1e300).hex()) is None


@pytest.mark.parametrize(("raw", "micro"), [(1, 0), (3, 2), (5, 2), (7, 4)])
def test_halves_go_to_the_even_micro(raw: int, micro: int) -> None:
    assert value(counter("uint16", Fraction(1, 2 * MICRO)), f"{raw:04x}") == micro


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_half_even_is_the_rounding_of_fractions(numerator: int, denominator: int) -> None:
    assert half_even(numerator, denominator) == round(Fraction(numerator, denominator))


FACTORS = st.fractions(Fraction(1, 10**9), Fraction(10**4), max_denominator=10**9)


@given(st.sampled_from(INTEGERS), st.sampled_from(ORDERS), FACTORS, st.data())
def test_integer_counters_are_the_rounded_rational(kind: str, order: Order, factor: Fraction, data) -> None:
    form = DATA_TYPES[kind]
    raw = data.draw(st.integers(0, form.high - 1))
    exact = raw * factor * MICRO
    words = arranged(form.pack(raw), order).hex()
    assert value(counter(kind, factor, order), words) == (round(exact) if round(exact) <= INT64_MAX else None)


@given(st.floats(0, 2.0**40, width=32), FACTORS)
def test_float_counters_take_the_register_s_exact_binary_value(raw: float, factor: Fraction) -> None:
    exact = round(Fraction(raw) * factor * MICRO)
    assert value(counter("float32", factor), struct.pack(">f", raw).hex()) == (exact if exact <= INT64_MAX else None)


@given(st.binary(min_size=40, max_size=40), st.sampled_from(sorted(DATA_TYPES)), st.sampled_from(ORDERS), FACTORS)
def test_no_words_break_the_decoder(words: bytes, kind: str, order: Order, factor: Fraction) -> None:
    for field in (counter(kind, factor, order), gauge(kind, factor, order)):
        (found,), invalid = one(field).decode([words])
        assert (found is None) == (invalid == ((0, GapReason.INVALID_VALUE),))
        assert found is None or (0 <= found <= INT64_MAX if field.counter else math.isfinite(found))


# --- several registers, one value -------------------------------------------------------------------------------------

SCALED = gauge("int16", Fraction(1, 1000), exponent=Number(1, "int16"))


@pytest.mark.parametrize(("exponent", "kw"), [(-1, 1.373), (0, 13.73), (2, 1373.0)])
def test_the_scale_factor_comes_from_its_register(exponent: int, kw: float) -> None:
    assert value(SCALED, struct.pack(">hh", 13730, exponent).hex()) == kw


@pytest.mark.parametrize("exponent", [-32768, 11, -11])
def test_without_a_scale_factor_there_is_no_value(exponent: int) -> None:
    assert value(SCALED, struct.pack(">hh", 13730, exponent).hex()) is None


def test_an_integer_and_its_fraction_are_one_counter() -> None:
    field = counter("int32", fraction=Number(2, "float32"))
    assert value(field, struct.pack(">if", 87, 0.25).hex()) == 87_250_000
    assert value(field, struct.pack(">if", 87, math.nan).hex()) is None


def test_tariffs_are_added() -> None:
    field = counter("uint16", Fraction(1, 10), plus=(Term(Number(1, "uint16"), Fraction(1, 100)),))
    assert value(field, struct.pack(">HH", 15, 25).hex()) == 1_750_000
    assert value(field, struct.pack(">HH", 15, 65535).hex()) is None


def test_a_sum_beyond_all_measure_is_no_value() -> None:
    field = gauge("float64", plus=(Term(Number(4, "float64"), Fraction(1)),))
    assert value(field, struct.pack(">dd", 1e308, 1e308).hex()) is None
    assert value(field, struct.pack(">dd", 1.5, 2).hex()) == 3.5


def test_values_from_several_blocks_come_in_column_order() -> None:
    fields = [
        Field("active_power", False, 4, Number(100, "uint16"), Fraction(1)),
        Field("frequency", False, 3, Number(5, "uint16"), Fraction(1, 100)),
    ]
    decoder = Decoder(fields, [Block(3, 4, 3), Block(4, 100, 1)])
    assert decoder.decode([bytes.fromhex("000013880000"), bytes.fromhex("0007")]).values == (7, 50)
    assert decoder.quantities == ("active_power", "frequency")


def test_a_register_outside_every_block_is_refused_when_compiling() -> None:
    with pytest.raises(ValueError, match="in no block"):
        Decoder([gauge("uint32")], [Block(3, 1, 5)])


def test_one_register_as_two_different_numbers_is_refused_when_compiling() -> None:
    fields = [gauge("uint32"), Field("frequency", False, 3, Number(1, "uint16"), Fraction(1))]
    with pytest.raises(ValueError, match="two different numbers"):
        Decoder(fields, [Block(3, 0, 4)])


def test_an_answer_of_another_length_is_refused() -> None:
    with pytest.raises(struct.error):
        one(gauge("uint16")).decode([b"\0" * 38])
    with pytest.raises(ValueError, match="zip"):
        one(gauge("uint16")).decode([])


# --- how the device is wired ------------------------------------------------------------------------------------------


def test_the_ct_ratio_multiplies_what_the_meter_shows_on_the_secondary_side() -> None:
    field = counter("uint32", Fraction(1, 100), secondary=True, modulus=Fraction(100))
    seen = wired(field, Fraction(40))
    assert (seen.factor, seen.modulus, seen.secondary) == (Fraction(40, 100), 4000, False)
    assert wired(field, Fraction(40)) == wired(seen, Fraction(40))
    assert wired(counter("uint32"), Fraction(40)).factor == 1


def test_a_reversed_ct_is_undone_once() -> None:
    names = ("active_energy_import", "active_energy_export_l2", "reactive_energy_import", "gas_volume")
    seen = [wired(Field(n, True, 3, Number(0, "uint16"), Fraction(1)), reversed=True) for n in names]
    assert [f.quantity for f in seen] == [
        "active_energy_export",
        "active_energy_import_l2",
        "reactive_energy_export",
        "gas_volume",
    ]
    assert {f.factor for f in seen} == {1}
    signed = ("active_power", "active_power_l3", "reactive_power", "voltage_l1", "apparent_power")
    powers = [wired(Field(n, False, 3, Number(0, "int16"), Fraction(1)), reversed=True) for n in signed]
    assert [f.factor for f in powers] == [-1, -1, -1, 1, 1]


def test_compiling_takes_ratio_and_direction() -> None:
    fields = [gauge("int16", secondary=True)]
    decoder = compile_decoder(fields, [Block(3, 0, 1)], ct_ratio=Fraction(200, 5), reversed=True)
    assert decoder.decode([struct.pack(">h", 3)]).values == (-120,)


# --- and back: what a device would show -------------------------------------------------------------------------------


def shown(field: Field, number: float | None) -> int | float | None:
    decoder = one(field)
    return decoder.decode(decoder.encode([number])).values[0]


@given(st.sampled_from([*INTEGERS, "bcd32", "bcd48"]), st.sampled_from(ORDERS), FACTORS, st.integers(0, INT64_MAX))
def test_a_counter_shows_the_largest_register_not_above_it(
    kind: str, order: Order, factor: Fraction, micro: int
) -> None:
    field = counter(kind, factor, order)
    found = shown(field, micro)
    top = (DATA_TYPES[kind].high - 1) * factor * MICRO
    assert found is not None
    assert found <= micro
    assert micro - found <= factor * MICRO or micro > top
    assert shown(field, found) == found


@given(st.sampled_from(REALS), FACTORS, st.integers(0, INT64_MAX))
def test_a_float_counter_is_at_most_one_step_behind(kind: str, factor: Fraction, micro: int) -> None:
    field = counter(kind, factor)
    found = shown(field, micro)
    assert isinstance(found, int)
    assert found <= micro
    assert micro - found <= step(kind, factor, micro) * MICRO + 1
    assert shown(field, found) == found


@given(st.floats(0, 2.0**30, width=32), FACTORS)
def test_any_float_register_survives_decode_encode_decode(raw: float, factor: Fraction) -> None:
    field = counter("float32", factor)
    first = value(field, struct.pack(">f", raw).hex())
    assume(first is not None)
    assert shown(field, first) == first


@given(st.sampled_from([k for k in INTEGERS if k.startswith("int")]), FACTORS, st.floats(-1e4, 1e4))
def test_a_gauge_shows_the_nearest_register(kind: str, factor: Fraction, number: float) -> None:
    found = shown(gauge(kind, factor), number)
    assert found is not None
    high = float((DATA_TYPES[kind].high - 1) * factor)
    nearest = min(max(number, -high), high)
    assert abs(found - nearest) <= float(factor) * 1.001 + abs(nearest) * 1e-15


@given(st.floats(-1e6, 1e6, width=32))
def test_a_float_gauge_survives(number: float) -> None:
    assert shown(gauge("float32", order="CDAB"), number) == number


@pytest.mark.parametrize("kind", sorted(DATA_TYPES))
@pytest.mark.parametrize("order", ORDERS)
def test_no_value_is_shown_as_the_sentinel_of_its_type(kind: str, order: Order) -> None:
    assert shown(gauge(kind, order=order), None) is None
    assert shown(counter(kind, order=order), None) is None


@pytest.mark.parametrize(
    ("kind", "number", "found"), [("uint16", 70000, 65534), ("uint16", -5, 0), ("int16", -40000, -32767)]
)
def test_what_does_not_fit_saturates_and_is_never_a_sentinel(kind: str, number: float, found: int) -> None:
    assert shown(gauge(kind), number) == found


def test_a_shared_scale_factor_is_raised_until_all_fit() -> None:
    fields = [
        Field("active_power_l1", False, 3, Number(0, "int16"), Fraction(1, 1000), exponent=Number(2, "int16")),
        Field("active_power_l2", False, 3, Number(1, "int16"), Fraction(1, 1000), exponent=Number(2, "int16")),
    ]
    decoder = Decoder(fields, [Block(3, 0, 3)])
    assert decoder.encode([1.5, 2.5]) == (struct.pack(">hhh", 1500, 2500, 0),)
    assert decoder.encode([1.5, 400]) == (struct.pack(">hhh", 15, 4000, 2),)
    assert decoder.encode([400, 0]) == (struct.pack(">hhh", 4000, 0, 2),)
    assert decoder.encode([None, 400]) == (struct.pack(">hhh", -32768, 4000, 2),)


def test_a_scale_factor_starts_at_its_nominal_and_a_counter_s_stays_there() -> None:
    amps = Field("current_l1", False, 3, Number(0, "uint16"), Fraction(1), exponent=Number(1, "int16"), nominal=-2)
    energy = Field("run_hours", True, 3, Number(2, "uint16"), Fraction(1), exponent=Number(3, "int16"), nominal=-1)
    decoder = Decoder([amps, energy], [Block(3, 0, 4)])
    assert decoder.encode([0.0, 0]) == (struct.pack(">HhHh", 0, -2, 0, -1),)
    assert decoder.encode([700.0, 10**6 * MICRO]) == (struct.pack(">HhHh", 7000, -1, 65534, -1),)


@given(st.integers(0, 2**31 * MICRO - 1))
def test_an_integer_with_fraction_shows_every_micro_it_can(micro: int) -> None:
    field = counter("int32", fraction=Number(2, "float32"))
    found = shown(field, micro)
    assert isinstance(found, int)
    assert 0 <= micro - found <= 1


def test_a_sum_shows_all_in_its_first_register() -> None:
    field = counter("float64", Fraction(1, 1000), plus=(Term(Number(4, "float64"), Fraction(1, 1000)),))
    assert shown(field, 123_456_789_000) == 123_456_789_000


# --- the step ---------------------------------------------------------------------------------------------------------


def test_the_step_of_a_float_register_grows_with_its_value() -> None:
    # Measured in the field: 7.8 Wh at 100 MWh and 62.5 Wh at 1 GWh for float32 in kWh.
    assert step("float32", Fraction(1), 100_000 * MICRO) == Fraction(1, 128)
    assert step("float32", Fraction(1), 1_000_000 * MICRO) == Fraction(1, 16)
    assert step("uint32", Fraction(1, 100), 1_000_000 * MICRO) == Fraction(1, 100)


def test_a_field_tells_type_and_scale_as_the_store_keeps_them() -> None:
    assert (counter("uint32", Fraction(1, 100)).data_type, counter("uint32", Fraction(1, 100)).scale) == (
        "uint32",
        Fraction(1, 100),
    )
    composite = counter("int32", fraction=Number(2, "float32"))
    assert (composite.data_type, composite.scale) == ("int32+float32", Fraction(1, 2**24))
    assert counter("uint32", Fraction(1, 1000), exponent=Number(2, "int16"), nominal=1).scale == Fraction(1, 100)
