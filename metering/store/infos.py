"""What is known of a register, as JSON and back."""

import json
from dataclasses import fields
from fractions import Fraction

from metering.reading import SeriesInfo

_KEY = ("point", "quantity", "valid_from_ms")
_BODY = tuple(field.name for field in fields(SeriesInfo) if field.name not in _KEY)


def dump_info(info: SeriesInfo) -> str:
    """What is known of a register as JSON, but for its key and its date."""
    body = {name: getattr(info, name) for name in _BODY}
    for key in ("scale", "modulus", "ct_ratio"):
        body[key] = None if body[key] is None else str(body[key])
    return json.dumps(body, separators=(",", ":"), sort_keys=True)


def load_info(point: str, quantity: str, valid_from_ms: int, text: str) -> SeriesInfo:
    """The inverse of dump_info."""
    body = json.loads(text)
    for key in ("scale", "modulus", "ct_ratio"):
        body[key] = None if body[key] is None else Fraction(body[key])
    return SeriesInfo(point=point, quantity=quantity, valid_from_ms=valid_from_ms, **body)
