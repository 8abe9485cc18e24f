"""Registers to read -> the fewest register-times of block requests, never tearing what belongs together (pure)."""

from collections.abc import Iterable, Iterator, Sequence

from collector.fields import Field, Span
from collector.refusal import cut_areas
from metering.reading import Block

REQUEST_COST = 25.0  # what one more request costs where no line is known, in registers (collector.bustime: 9600 8N1)
MAX_REGISTERS = 125  # Modbus application protocol V1.1b3, 6.3 and 6.4


def plan(
    fields: Iterable[Field],
    max_registers: int = MAX_REGISTERS,
    documented: Iterable[Span] = (),
    request_cost: float = REQUEST_COST,
    cuts: Sequence[tuple[int, int]] = (),
) -> tuple[Block, ...]:
    """The cheapest blocks that hold every field; a block bridges a hole only over documented registers.

    The cost of a block is `request_cost` plus its length. Values of several registers, and values with their scale
    factor or fraction, lie whole in one block. ValueError where one does not fit. No block runs across a cut: a
    (function, address) where the device was seen to refuse that.
    """
    wanted = {span for field in fields for span in field.spans}
    known = [*wanted, *documented]
    blocks: list[Block] = []
    for function in sorted({span.function for span in wanted}):
        areas = cut_areas(_merged(span for span in known if span.function == function), cuts)
        spans = _outer(span for span in wanted if span.function == function)
        blocks.extend(_cheapest(spans, areas, max_registers, request_cost))
    return tuple(blocks)


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans that touch or overlap, joined."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = joined[-1]._replace(end=max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def _outer(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans not inside another one, by address; their starts and ends both rise, so blocks hold runs of them."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if not kept or span.end > kept[-1].end:
            kept.append(span)
    return tuple(kept)


def _cheapest(
    spans: Sequence[Span], areas: Sequence[Span], max_registers: int, request_cost: float
) -> tuple[Block, ...]:
    """The best cut of the spans into runs, by dynamic programming over where the last run starts."""
    best: list[tuple[float, tuple[Block, ...]]] = [(0, ())]
    for last, span in enumerate(spans):
        found = [
            (best[first][0] + request_cost + block.count, (*best[first][1], block))
            for first in range(last + 1)
            for block in _block(spans[first], span, areas, max_registers)
        ]
        if not found:
            raise ValueError(f"registers {span.start}..{span.end - 1} do not fit one request of {max_registers}")
        best.append(min(found, key=lambda cut: (cut[0], len(cut[1]))))
    return best[-1][1]


def _block(first: Span, last: Span, areas: Sequence[Span], max_registers: int) -> Iterator[Block]:
    count = last.end - first.start
    if count <= max_registers and any(a.start <= first.start and last.end <= a.end for a in areas):
        yield Block(first.function, first.start, count)
