"""How people write values in our YAML files: identifiers, durations, ratios, decimals, names; each read exactly."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

from metering.config import Strict

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|h|d)")
_SECONDS = {"ms": Fraction(1, 1000), "s": Fraction(1), "min": Fraction(60), "h": Fraction(3600), "d": Fraction(86400)}
_SIZE = re.compile(r"([0-9]{1,9})\s*(MB|MiB|GB|GiB)")
_BYTES = {"MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")


def duration_ms(text: Any) -> int:
    """A duration as people write it ("1s", "500 ms", "15min") in milliseconds."""
    found = _DURATION.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"cannot read duration {text!r}; write 500ms, 1s, 15min, 1h or 1d")
    ms = Fraction(found[1]) * _SECONDS[found[2]] * 1000
    if ms.denominator != 1 or ms <= 0:
        raise ValueError(f"duration {text!r} must be a whole positive number of milliseconds")
    return int(ms)


def size_bytes(text: Any) -> int:
    """An amount of data as people write it ("4GB", "500 MB", "1GiB") in bytes."""
    found = _SIZE.fullmatch(str(text).strip())
    if not found or not int(found[1]):
        raise ValueError(f"cannot read size {text!r}; write 500MB, 4GB or 1GiB")
    return int(found[1]) * _BYTES[found[2]]


def _fraction(text: Any) -> Fraction:
    try:
        return Fraction(str(text))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"cannot read ratio {text!r}; write 200, 0.5 or 200/5") from None


def decimal(text: Any) -> Decimal:
    """A number exactly as it is written; ValueError for anything else, infinity and NaN too."""
    if isinstance(text, bool) or not _DECIMAL.fullmatch(str(text)):
        raise ValueError(f"cannot read number {text!r}; write 12, 0.5 or 1e3")
    return Decimal(str(text))


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not text; put it in quotes, or leave the key out")
    return str(value)


def _name(text: Any) -> Any:
    return {"zh": text, "en": text} if isinstance(text, str) else text


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"unknown time zone {name!r}; use an IANA name such as Asia/Shanghai or Etc/GMT-8")
    return name


Zone = Annotated[str, AfterValidator(_zone)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Duration = Annotated[int, BeforeValidator(duration_ms)]
Size = Annotated[int, BeforeValidator(size_bytes)]
Ratio = Annotated[Fraction, BeforeValidator(_fraction), Field(gt=0)]
Number = Annotated[Decimal, BeforeValidator(decimal)]
Text = Annotated[str, BeforeValidator(_text)]


class Name(Strict):
    """A name in both languages."""

    zh: str = ""
    en: str = ""


Named = Annotated[Name, BeforeValidator(_name)]
