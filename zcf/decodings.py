"""What the words of one number would be in every byte order, and what cannot be true of a value (pure)."""

import math
from collections.abc import Mapping

from collector.datatypes import Order, arranged
from collector.fields import Field

ORDERS: tuple[Order, ...] = ("ABCD", "CDAB", "BADC", "DCBA")
_FREQUENCY = (45.0, 65.0)  # [Hz]; QUIRKS 4.19
_VOLTAGE = (0.0, 100_000.0)  # [V]
_HEADROOM = 1.2


def decodings(field: Field, words: bytes) -> Mapping[str, str]:
    """The number in each byte order, scaled into the quantity's unit; single registers have two orders."""
    if not words:
        return {}
    orders = ORDERS if len(words) > 2 else ("ABCD", "BADC")
    return {order: _scaled(field, arranged(words, order)) for order in orders}


def _scaled(field: Field, data: bytes) -> str:
    raw = field.number.kind.unpack(data)
    if raw is None or (isinstance(raw, float) and not math.isfinite(raw)):
        return "–"
    return f"{float(raw * field.factor + field.offset):.6g}"


def remark(field: Field, value: float, rated_kw: float | None) -> str:
    """Why a value cannot be what its name says; empty where nothing speaks against it."""
    if field.quantity == "frequency" and not _FREQUENCY[0] <= value <= _FREQUENCY[1]:
        return "no mains frequency: word order, scale or address?"
    if field.quantity.startswith("voltage") and not _VOLTAGE[0] <= value <= _VOLTAGE[1]:
        return "no voltage: word order or address?"
    if field.quantity == "active_power" and rated_kw is not None and abs(value) > _HEADROOM * rated_kw:
        return f"above the rated {rated_kw:g} kW: word order, scale or CT ratio?"
    return ""
