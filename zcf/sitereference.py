"""docs/site-yaml.md from the models: `python -m zcf.sitereference` writes it, and a test holds it up to date."""

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from analytics.measure_rows import MeasureRow
from analytics.site_inputs import EvidenceRow, InstrumentRow, TargetRow
from metering import fields
from metering.config import Strict
from metering.sitefile import SiteFile

PAGE = Path(__file__).resolve().parent.parent / "docs" / "site-yaml.md"
ROWS: dict[str, type[Strict]] = {
    "evidence": EvidenceRow, "instruments": InstrumentRow, "targets": TargetRow, "measures": MeasureRow,
}  # fmt: skip
WORDS = {
    id(fields.Duration): "duration (`500ms`, `1s`, `15min`, `1h`, `1d`)", id(fields.Identifier): "identifier",
    id(fields.Named): "text, or `{zh: …, en: …}`", id(fields.Ratio): "ratio (`200`, `0.5`, `200/5`)",
    id(fields.Zone): "IANA time zone", id(fields.Number): "number, kept as written", id(fields.Text): "text",
}  # fmt: skip
PLAIN = {"str": "text", "int": "whole number", "float": "number", "bool": "`true` or `false`", "date": "date",
         "Decimal": "number", "Fraction": "ratio", "Any": "anything"}  # fmt: skip
HEAD = """\
# site.yaml, key by key

Generated from the models that read it by `python -m zcf.sitereference`; do not edit. Unknown keys, duplicate keys,
anchors and tags are refused; `zcf check site.yaml` names every fault at once with file:line and the mend. Required keys
have to be written. What happens in time (exchanges, bills, certificates, corrections) is an entry, not a key:
`zcf correct --help`. Secrets come from the environment (`ZCF_…`, `ZCF_…_FILE`), never from this file. A whole one is
`deploy/example/site.yaml`.
"""


def page() -> str:
    """The whole page: the file itself, then every section in the order it is met."""
    return HEAD + "".join(_section(name, model) for name, model in _models())


def _models() -> Iterator[tuple[str, type[Strict]]]:
    todo: list[tuple[str, type[Strict]]] = [("site.yaml", SiteFile)]
    seen: set[type[Strict]] = set()
    while todo:
        name, model = todo.pop(0)
        if model in seen:
            continue
        seen.add(model)
        yield name, model
        below = [(_path(name, key), one) for key, field in model.model_fields.items() for one in _inside(key, field)]
        todo = below + todo


def _path(name: str, key: str) -> str:
    return key if name == "site.yaml" else f"{name}.{key}"


def _inside(key: str, field: FieldInfo) -> Iterator[type[Strict]]:
    """The models that a field's values are made of; names in two languages are told as a kind of text."""
    for one in _leaves(field.annotation):
        if isinstance(one, type) and issubclass(one, Strict) and one is not fields.Name:
            yield one
    row = ROWS.get(key)
    if row is not None and get_args(field.annotation)[:1] == (dict[str, Any],):
        yield row


def _leaves(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif get_args(annotation) and get_origin(annotation) is not Literal:
        for one in get_args(annotation):
            yield from _leaves(one)
    else:
        yield annotation


def _section(name: str, model: type[Strict]) -> str:
    said = inspect.cleandoc(model.__doc__ or "")
    rows = "".join(_row(name, model, key, field) for key, field in model.model_fields.items())
    return f"\n## {name}\n{said}\n\n| key | value | default |\n|---|---|---|\n{rows}"


def _row(name: str, model: type[Strict], key: str, field: FieldInfo) -> str:
    note = _notes(model).get(key, "")
    kind = _kind(_path(name, key), model.__annotations__.get(key, field.annotation), key, field)
    cells = f"`{field.alias or key}`", kind + (f"; {note}" if note else ""), _default(field)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def _notes(model: type[Strict]) -> dict[str, str]:
    """What stands behind the fields in the source, up to the line's end."""
    found = re.findall(r"^    (\w+): .*?  # (?!fmt|noqa)(.+)$", inspect.getsource(model), re.MULTILINE)
    return dict(found)


def _kind(path: str, annotation: Any, key: str, field: FieldInfo) -> str:
    below = list(_inside(key, field))
    if below:
        names = " or ".join(f"[{path}](#{re.sub(r'[^a-z0-9_-]', '', path.lower())})" for _ in below[:1])
        return f"list of {names}" if get_origin(_bare(field.annotation)) is tuple else names
    return _word(annotation)


def _bare(annotation: Any) -> Any:
    """Without Annotated and without None."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return next(_bare(one) for one in get_args(annotation) if one is not NoneType)
    return annotation


def _word(annotation: Any) -> str:
    if id(annotation) in WORDS:
        return WORDS[id(annotation)]
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _word(inside[0])
    if origin in {Union, UnionType}:
        return " or ".join(_word(one) for one in inside if one is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in inside)
    if origin in {tuple, list}:
        return f"list of {_word(inside[0])}"
    if origin is dict:
        return f"mapping of {_word(inside[0])} to {_word(inside[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{one.value}`" for one in annotation)
    return PLAIN.get(getattr(annotation, "__name__", str(annotation)), "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None or value == "" or value in ((), {}):
        return "–"
    if isinstance(value, Strict):
        return "as below" if not isinstance(value, fields.Name) else "–"
    if any(getattr(one, "func", None) is fields.duration_ms for one in field.metadata):
        return f"`{value}` ms"
    shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
