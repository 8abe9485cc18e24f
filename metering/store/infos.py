"""What is known of a register, as JSON and back."""

import json
from dataclasses import asdict
from fractions import Fraction

from metering.reading import SeriesInfo


def dump_info(info: SeriesInfo) -> str:
    """What is known of a register as JSON, but for its key and its date."""
    body = asdict(info)
    for key in ("point", "quantity", "valid_from_ms"):
        del body[key]
    for key in ("scale", "modulus", "ct_ratio"):
        body[key] = None if body[key] is None else str(body[key])
    return json.dumps(body, separators=(",", ":"), sort_keys=True)


def load_info(point: str, quantity: str, valid_from_ms: int, text: str) -> SeriesInfo:
    """The inverse of dump_info."""
    body = json.loads(text)
    for key in ("scale", "modulus", "ct_ratio"):
        body[key] = None if body[key] is None else Fraction(body[key])
    return SeriesInfo(point=point, quantity=quantity, valid_from_ms=valid_from_ms, **body)
