"""Blocks: the cheapest cut, never tearing a value, never crossing what no document describes."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_a_value_stays_with_its_scale_factor_and_fraction() -> None:
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
