"""YAML -> frozen, validated models: strict, every fault at once, each with file:line and the mend."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionStartEvent, NodeEvent, ScalarEvent

MAX_BYTES = 1_000_000
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h

M = TypeVar("M", bound=BaseModel)
Path_ = tuple[int | str, ...]


class Strict(BaseModel):
    """A frozen model that knows no unknown keys: the base of everything read from YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, str_strip_whitespace=True)


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

    def line(self, path: Sequence[int | str]) -> int:
        """The line of the node at a path, or of its nearest known ancestor [1-based]."""
        keys = tuple(path)
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 1)

    def fault(self, path: Sequence[int | str], message: str, mend: str = "") -> Fault:
        """A fault at a path of this document."""
        where = ".".join(map(str, path))
        return Fault(self.file, self.line(path), f"{where}: {message}" if where else message, mend)


def read(path: Path) -> Document:
    """Parse one YAML 1.2 file: no duplicate keys, aliases, anchors or tags, at most 1 MB; ConfigError otherwise."""
    text = _text(path)
    refused = list(_refused(path, text))
    if refused:
        raise ConfigError(refused)
    try:
        data = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        raise ConfigError([_marked(path, error, "remove one of the two")]) from None
    except YAMLError as error:
        raise ConfigError([_marked(path, error, "")]) from None
    if not isinstance(data, Mapping):
        raise ConfigError([Fault(str(path), 1, "the file must hold a mapping (key: value)", "")])
    lines: dict[Path_, int] = {}
    return Document(str(path), _plain(data, (), lines), lines)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError([Fault(str(path), 1, "the file is larger than 1 MB", "split it with include:")])
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            [Fault(str(path), 1, f"cannot read the file: {error.strerror}", "check path and rights")]
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError([Fault(str(path), 1, f"not UTF-8 at byte {error.start}", "save the file as UTF-8")]) from None


def _refused(path: Path, text: str) -> Iterable[Fault]:
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
                yield Fault(str(path), line, "anchors and aliases are not allowed", "write the value out")
            elif isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
                yield Fault(str(path), line, f"tag {event.tag} is not allowed", "write a plain value")
    except YAMLError as error:
        yield _marked(path, error, "")


def _marked(path: Path, error: YAMLError, mend: str) -> Fault:
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        problem = (error.problem or error.context or "not YAML").splitlines()[0]
        return Fault(str(path), mark.line + 1 if mark else 1, problem, mend)
    return Fault(str(path), 1, str(error).splitlines()[0], mend)


def _plain(node: Any, path: Path_, lines: dict[Path_, int]) -> Any:
    """Ruamel's tree -> dict, list and scalars, noting each node's line."""
    if isinstance(node, CommentedMap):
        lines.setdefault(path, node.lc.line + 1)
        for key in node:
            lines[(*path, str(key))] = node.lc.key(key)[0] + 1
        return {str(key): _plain(value, (*path, str(key)), lines) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            lines[(*path, index)] = node.lc.item(index)[0] + 1
        return [_plain(value, (*path, index), lines) for index, value in enumerate(node)]
    for plain in (bool, int, float, str):
        if isinstance(node, plain):
            return plain(node)
    return node


def validate(document: Document, model: type[M]) -> M:
    """A document as a model; ConfigError with every fault of shape or value at its line."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(_faults(document, error)) from None


def _faults(document: Document, error: ValidationError) -> Iterable[Fault]:
    for one in error.errors(include_url=False):
        path = [part for part in one["loc"] if isinstance(part, int) or _is_key(document, part)]
        missing = [str(part) for part in one["loc"][-1:]] if one["type"] == "missing" else []
        message = one["msg"].removeprefix("Value error, ")
        yield document.fault([*path, *missing], message, _mend(one["type"]))


def _is_key(document: Document, part: str) -> bool:
    return any(part in path for path in document.lines)


def _mend(kind: str) -> str:
    return {
        "extra_forbidden": "remove the key, or check its spelling",
        "missing": "add the key",
    }.get(kind, "")


def load(path: Path, model: type[M]) -> M:
    """Read and validate one YAML file; ConfigError (every fault, file:line) otherwise."""
    return validate(read(path), model)
