"""YAML -> frozen, validated models: strict, every fault at once, each with file:line and the mend."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.parser import RoundTripParser
from ruamel.yaml.scalarint import ScalarInt
from ruamel.yaml.util import create_timestamp, timestamp_regexp

MAX_BYTES = 1_000_000
MAX_DEPTH = 40  # the parser recurses, and its time grows with the square of the depth
MAX_REFUSED = 100  # a bomb is not counted to its end
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h

M = TypeVar("M", bound=BaseModel)
Path_ = tuple[int | str, ...]


class Strict(BaseModel):
    """A frozen model that knows no unknown keys: the base of everything read from YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, str_strip_whitespace=True,
                              allow_inf_nan=False)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file: where, what, and how to mend it."""

    file: str
    line: int
    message: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" + (f" -> {self.mend}" if self.mend else "")


class ConfigError(Exception):
    """A file that cannot be used; carries every fault found (exit code 78)."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed YAML file: plain data, and the line of every node."""

    file: str
    data: Any
    lines: Mapping[Path_, int]
    places: Mapping[str, Sequence[int]] = field(default_factory=dict)  # of lists with items left out: where each stood

    def _original(self, path: Sequence[int | str]) -> Path_:
        if len(path) > 1 and path[0] in self.places:
            return (path[0], self.places[str(path[0])][int(path[1])], *path[2:])
        return tuple(path)

    def line(self, path: Sequence[int | str]) -> int:
        """The line of the node at a path, or of its nearest known ancestor [1-based]."""
        keys = self._original(path)
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 1)

    def fault(self, path: Sequence[int | str], message: str, mend: str = "") -> Fault:
        """A fault at a path of this document."""
        where = ".".join(map(str, self._original(path)))
        return Fault(self.file, self.line(path), f"{where}: {message}" if where else message, mend)


def read(path: Path) -> Document:
    """Parse one YAML 1.2 file: no duplicate keys, aliases, anchors or tags, at most 1 MB; ConfigError otherwise."""
    return _document(path, _text(path))


def _document(path: Path, text: str) -> Document:
    parsed = YAML(typ="rt")
    parsed.Parser = _StrictParser
    try:
        data = parsed.load(text)
    except YAMLError as error:
        mend = "remove one of the two" if isinstance(error, DuplicateKeyError) else ""
        refused = list(islice(_refused(path, text), MAX_REFUSED))
        raise ConfigError(refused or [_marked(path, error, mend)]) from None
    if not isinstance(data, Mapping):
        raise ConfigError([Fault(str(path), 1, "the file must hold a mapping (key: value)", "")])
    lines: dict[Path_, int] = {}
    faults: list[Fault] = []
    document = Document(str(path), _plain(data, (), lines, faults), lines)
    if faults:
        raise ConfigError(replace(fault, file=str(path)) for fault in faults)
    return document


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:  # read, not asked for its size: a pipe has none
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ConfigError([Fault(str(path), 1, "the file is larger than 1 MB", "leave out what is not needed")])
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            [Fault(str(path), 1, f"cannot read the file: {error.strerror}", "check path and rights")]
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError([Fault(str(path), 1, f"not UTF-8 at byte {error.start}", "save the file as UTF-8")]) from None


class _RefusedError(YAMLError):
    """The file holds what it may not."""


class _StrictParser(RoundTripParser):
    """Ends at the first event that a file may not hold, before anything is built of it."""

    _depth = 0

    def get_event(self) -> Any:
        event = super().get_event()
        self._depth += _deeper(event)
        if self._depth > MAX_DEPTH or _problem(event):
            raise _RefusedError("the file holds what it may not")
        return event


def _deeper(event: Event) -> int:
    return isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)


def _refused(path: Path, text: str) -> Iterable[Fault]:
    """Everything in the file that it may not hold, found in the stream of events."""
    depth = 0
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            depth, line = depth + _deeper(event), event.start_mark.line + 1 if event.start_mark else 1
            if depth > MAX_DEPTH:
                yield Fault(str(path), line, f"nested deeper than {MAX_DEPTH}", "close what was opened")
                return
            if problem := _problem(event):
                yield Fault(str(path), line, *problem)
    except YAMLError as error:
        yield _marked(path, error, "")


def _problem(event: Event) -> tuple[str, str] | None:
    if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
        return "anchors and aliases are not allowed", "write the value out"
    if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
        return f"tag {event.tag} is not allowed", "write a plain value"
    if isinstance(event, ScalarEvent) and event.value == "<<" and event.style is None:
        return "merge keys are not allowed", "write the keys out"
    if isinstance(event, ScalarEvent) and event.style is None and (found := timestamp_regexp.match(event.value)):
        try:
            create_timestamp(**found.groupdict())
        except ValueError:
            return f"there is no {event.value}", "write a date: 2026-10-03"
    if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
        return "directives are not allowed", "remove the line that begins with %; the file is YAML 1.2"
    return None


def _marked(path: Path, error: YAMLError, mend: str) -> Fault:
    if not isinstance(error, MarkedYAMLError):
        return Fault(str(path), 1, str(error).splitlines()[0], mend)
    mark, problem = error.problem_mark or error.context_mark, error.problem or error.context or "not YAML"
    return Fault(str(path), mark.line + 1 if mark else 1, problem.splitlines()[0], mend)


def _plain(node: Any, path: Path_, lines: dict[Path_, int], faults: list[Fault]) -> Any:
    """Ruamel's tree -> dict, list and scalars, noting each node's line."""
    if isinstance(node, CommentedMap):
        lines.setdefault(path, node.lc.line + 1)
        for key in node:
            line = node.lc.key(key)[0] + 1
            if not isinstance(key, str | int | float | date):
                faults.append(Fault("", line, "a key must be a plain word", "write key: value"))
            elif (*path, str(key)) in lines:
                faults.append(Fault("", line, f"{key!r} is the same key as {str(key)!r}", "remove one of the two"))
            lines[(*path, str(key))] = line
        return {str(key): _plain(value, (*path, str(key)), lines, faults) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            lines[(*path, index)] = node.lc.item(index)[0] + 1
        return [_plain(value, (*path, index), lines, faults) for index, value in enumerate(node)]
    return _scalar(node)


def _scalar(node: Any) -> Any:
    width = getattr(node, "_width", None)
    if type(node) is ScalarInt and width and width > len(str(int(node))):  # decimal; 0x00FF is another type
        return f"{int(node):0{width}d}"  # a serial number 00123 is a name; where a number is wanted it is read as one
    for plain in (bool, int, float, str):
        if isinstance(node, plain):
            return plain(node)
    return node.value if isinstance(node, TaggedScalar) else node  # a lone "=" of YAML 1.1; written tags are refused


def validate(document: Document, model: type[M]) -> M:
    """A document as a model; ConfigError with every fault of shape or value at its line."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(_faults(document, error, set(_names(model)))) from None


def without_faults(document: Document, model: type[M], stand_ins: Mapping[str, Any]) -> Document | None:
    """The document without what its model refuses: items of lists, other keys whole; None if it still does not fit.

    A stand-in takes the place of a key that is missing or had to go.
    """
    try:
        model.model_validate(document.data)
    except ValidationError as error:
        bad = {loc[:2] if isinstance(document.data.get(loc[0]), list) else loc[:1]
               for loc in (one["loc"] for one in error.errors(include_url=False)) if loc}  # fmt: skip
    else:
        return document
    data, places = dict(stand_ins), {}
    for key, value in document.data.items():
        if isinstance(value, list) and (key,) not in bad:
            places[key] = [i for i in range(len(value)) if (key, i) not in bad]
            data[key] = [value[i] for i in places[key]]
        elif (key,) not in bad:
            data[key] = value
    try:
        model.model_validate(data)
    except ValidationError:
        return None
    return replace(document, data=data, places=places)


def _faults(document: Document, error: ValidationError, names: Collection[str]) -> Iterable[Fault]:
    for one in error.errors(include_url=False):
        path: Path_ = ()
        for part in one["loc"]:  # what is no node names a validator
            path = (*path, part) if (*path, part) in document.lines else path
        if one["type"] == "missing":
            path = (*path, one["loc"][-1])
        message = one["msg"].removeprefix("Value error, ")
        said = one["type"] == "value_error" and "; " in message  # our own validators say the mend themselves
        mend = "" if said else _mend(one["type"], str(one["loc"][-1]) if one["loc"] else "", names)
        yield document.fault(path, message, mend)


def _mend(kind: str, key: str, names: Collection[str]) -> str:
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, names, n=1, cutoff=0.75)
        return f"is it {near[0]}?" if near and near[0] != key else "remove the key, it does not belong here"
    mends = {
        "missing": "add the key", "string_pattern_mismatch": "letters, digits and _ . - only, at most 64",
        "string_type": "write text; put a number in quotes", "too_short": "name at least one",
    }  # fmt: skip
    wanted = {"int": "a whole number", "float": "a number", "bool": "true or false", "date": "a date: 2026-10-03",
              "tuple": "a list: [a, b]", "dict": "key: value lines", "model": "key: value lines"}  # fmt: skip
    first = kind.split("_", maxsplit=1)[0]
    return mends.get(kind) or (f"write {wanted[first]}" if first in wanted else "change the value")


def _names(model: Any) -> Iterator[str]:
    """Every key that a model and the models inside it know."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, info in model.model_fields.items():
            yield info.alias or name
            yield from _names(info.annotation)
    for inner in get_args(model):
        yield from _names(inner)


def load(path: Path, model: type[M]) -> M:
    """Read and validate one YAML file; ConfigError (every fault, file:line) otherwise."""
    return cast("M", _model(path, _text(path), model))


@lru_cache(maxsize=64)  # a site's devices share their profiles, and frozen models may be shared
def _model(path: Path, text: str, model: type[BaseModel]) -> BaseModel:
    return validate(_document(path, text), model)
