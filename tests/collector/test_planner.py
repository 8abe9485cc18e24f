"""Blocks: the cheapest cut, never tearing a value, never crossing what no document describes."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.bustime import BusTime
from collector.datatypes import Number
from collector.fields import Field, Span, Term
from collector.planner import plan
from metering.reading import Block

TYPES = {1: "uint16", 2: "float32", 3: "bcd48", 4: "int64"}


def field(address: int, words: int = 1, function: int = 3, **more) -> Field:
    return Field("active_power", False, function, Number(address, TYPES[words]), Fraction(1), **more)


def test_neighbours_share_a_request() -> None:
    assert plan([field(0, 2), field(2, 2), field(4)]) == (Block(3, 0, 5),)


def test_a_hole_is_crossed_only_where_documents_describe_it() -> None:
    wanted = [field(0), field(10)]
    assert plan(wanted) == (Block(3, 0, 1), Block(3, 10, 1))
    assert plan(wanted, documented=[Span(3, 1, 9)]) == (Block(3, 0, 1), Block(3, 10, 1))
    assert plan(wanted, documented=[Span(3, 1, 10)]) == (Block(3, 0, 11),)
    assert plan(wanted, documented=[Span(4, 1, 10)]) == (Block(3, 0, 1), Block(3, 10, 1))


def test_a_hole_wider_than_a_request_is_worth_is_not_read() -> None:
    wanted = [field(0), field(30)]
    assert len(plan(wanted, documented=[Span(3, 0, 40)], request_cost=25)) == 2
    assert len(plan(wanted, documented=[Span(3, 0, 40)], request_cost=35)) == 1


def test_function_codes_are_never_mixed() -> None:
    assert plan([field(0), field(1, function=4)]) == (Block(3, 0, 1), Block(4, 1, 1))


def test_d12_a_value_stays_with_its_scale_factor_and_fraction() -> None:
    scaled = field(0, exponent=Number(4, "int16"))
    split = Field("heat_energy", True, 3, Number(10, "int32"), Fraction(1), fraction=Number(12, "float32"))
    assert plan([scaled, split], max_registers=5) == (Block(3, 0, 5), Block(3, 10, 4))


def test_counters_that_are_added_may_come_from_different_requests() -> None:
    total = field(0, 2, plus=(Term(Number(50, "uint32"), Fraction(1)),))
    assert plan([total]) == (Block(3, 0, 2), Block(3, 50, 2))


def test_what_cannot_be_read_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit one request of 3"):
        plan([field(0, 4)], max_registers=3)


def test_nothing_to_read_needs_no_request() -> None:
    assert plan([]) == ()


SPANS = st.lists(st.tuples(st.integers(0, 24), st.integers(1, 4), st.integers(0, 6)), min_size=1, max_size=5)


def partitions(items: list[Span]) -> Iterator[list[list[Span]]]:
    if not items:
        yield []
        return
    first, *rest = items
    for cut in partitions(rest):
        yield [[first], *cut]
        for index in range(len(cut)):
            yield [*cut[:index], [first, *cut[index]], *cut[index + 1 :]]


def cheapest(spans: list[Span], known: set[int], most: int, cost: int) -> int | None:
    """Every way to share the spans out among blocks, the price of the best one."""
    prices = []
    for cut in partitions(spans):
        blocks = [range(min(s.start for s in part), max(s.end for s in part)) for part in cut]
        if all(len(block) <= most and known.issuperset(block) for block in blocks):
            prices.append(sum(cost + len(block) for block in blocks))
    return min(prices, default=None)


@given(
    SPANS,
    st.lists(st.tuples(st.integers(0, 28), st.integers(1, 8)), max_size=3),
    st.integers(3, 20),
    st.integers(0, 12),
)
def test_no_other_cut_is_cheaper(wanted, areas, most: int, cost: int) -> None:
    fields = [field(a, w, exponent=Number(a + w + far, "int16") if far else None) for a, w, far in wanted]
    documented = [Span(3, start, start + length) for start, length in areas]
    spans = sorted({span for one in fields for span in one.spans})
    known = {a for s in (*spans, *documented) for a in range(s.start, s.end)}
    best = cheapest(spans, known, most, cost)
    if best is None:
        with pytest.raises(ValueError, match="do not fit"):
            plan(fields, most, documented, cost)
        return
    blocks = plan(fields, most, documented, cost)
    assert sum(cost + block.count for block in blocks) == best
    assert all(block.count <= most for block in blocks)
    assert known.issuperset(a for b in blocks for a in range(b.address, b.address + b.count))
    assert all(any(b.address <= s.start and s.end <= b.address + b.count for b in blocks) for s in spans)


BUS = st.builds(
    BusTime,
    st.sampled_from([None, 10 / 2.4, 10 / 9.6, 11 / 19.2, 10 / 115.2]),
    st.sampled_from([0.0, 5.0, 20.0, 30.0, 200.0]),
    st.sampled_from([0.0, 10.0, 100.0]),
)


@given(SPANS, st.lists(st.tuples(st.integers(0, 28), st.integers(1, 20)), max_size=3), BUS, st.integers(4, 125))
def test_no_cut_takes_less_time_on_the_bus(wanted, areas, bus: BusTime, most: int) -> None:
    """Whatever the baud rate, the turnaround, the pauses and the limits: brute force finds nothing shorter."""
    fields = [field(a, w) for a, w, _ in wanted]
    documented = [Span(3, start, start + length) for start, length in areas]
    spans = sorted({span for one in fields for span in one.spans})
    known = {a for s in (*spans, *documented) for a in range(s.start, s.end)}
    times = [
        bus.overhead_ms * len(cut) + bus.register_ms * sum(max(s.end for s in p) - min(s.start for s in p) for p in cut)
        for cut in partitions(spans)
        if all(
            known.issuperset(range(min(s.start for s in p), max(s.end for s in p)))
            and max(s.end for s in p) - min(s.start for s in p) <= most
            for p in cut
        )
    ]
    blocks = plan(fields, most, documented, bus.request_cost)
    taken = bus.overhead_ms * len(blocks) + bus.register_ms * sum(block.count for block in blocks)
    assert taken == pytest.approx(min(times))


def test_a_hole_is_bridged_where_the_line_makes_requests_dear() -> None:
    wanted, documented = [field(0), field(30)], [Span(3, 0, 40)]
    slow, fast = BusTime(10 / 2.4), BusTime(10 / 115.2)
    assert len(plan(wanted, documented=documented, request_cost=slow.request_cost)) == 2
    assert len(plan(wanted, documented=documented, request_cost=fast.request_cost)) == 1


def test_the_time_of_a_request_by_hand() -> None:
    # 8 + 5 characters and two silences of 3.5 at 9600 8N1, 2 characters a register, 30 ms of the device's own
    assert BusTime(10 / 9.6).ms([Block(3, 0, 125)]) == pytest.approx((20 + 250) / 0.96 + 30)
    assert BusTime(10 / 115.2, 0.0).overhead_ms == pytest.approx(13 * 10 / 115.2 + 3.5)
