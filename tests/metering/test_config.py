"""Strict YAML: what is refused, before anything is built of it; every fault at its line, with the mend."""

import json
import os
import threading
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.config import EXIT_CONFIG, MAX_BYTES, ConfigError, Fault, Strict, load, read


def file(folder: Path, text: str | bytes) -> Path:
    path = folder / "file.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def faults(folder: Path, text: str | bytes) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        read(file(folder, text))
    return list(caught.value.faults)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("true", True), ("False", False),  # YAML 1.2
        ("12:30", "12:30"), ("1:30:00", "1:30:00"),  # no numbers to the base of sixty
        ("0123", "0123"), ("007", "007"), ("0", 0), ("10", 10),  # a serial number is a name
        ("0o17", 15), ("0x1F", 31), ("0x00FF", 255), ("0o007", 7),
        ("1e3", 1000.0), ("0.50", 0.5), ("~", None), ("", None), ("null", None),
        ('"5"', "5"), ("'a b'", "a b"), ("电表", "电表"), ("2026-10-03", date(2026, 10, 3)), ("1.5 kWh", "1.5 kWh"),
        ("[1, a]", [1, "a"]), ("{b: 1}", {"b": 1}), ("[]", []), ("a#b", "a#b"), ("5 # five", 5), ("=", "="),
    ],
)  # fmt: skip
def test_plain_values_of_yaml_1_2(tmp_path, text, value):
    found = read(file(tmp_path, f"a: {text}\n")).data["a"]
    assert found == value
    assert type(found) is type(value)


def test_where_a_number_is_wanted_leading_zeros_are_one(tmp_path):
    class Unit(Strict):
        unit: int

    assert load(file(tmp_path, "unit: 007"), Unit).unit == 7


REFUSED = [
    ("a: 1\nb: 2\na: 3\n", 3, "duplicate key", "remove one of the two"),
    ("a:\n  b: 1\n  b: 2\n", 3, "duplicate key", "remove one of the two"),
    ("a: {1: x, '1': y}\n", 1, "same key", "remove one of the two"),
    ("a: &x 1\nb: *x\n", 1, "anchors and aliases", "write the value out"),
    ("a: &x {b: 1}\n", 1, "anchors and aliases", "write the value out"),
    ("a: !!python/object:os.system x\n", 1, "tag", "write a plain value"),
    ("a: !x {b: 1}\n", 1, "tag", "write a plain value"),
    ("!!map {a: 1}\n", 1, "tag", "write a plain value"),
    ("b: {c: 1}\na: {<<: {b: 1}}\n", 2, "merge keys", "write the keys out"),
    ("%YAML 1.1\n---\na: yes\n", 2, "directives", "remove the line"),
    ("a: 1\n---\nb: 2\n", 2, "another document", ""),
    ("- a\n- b\n", 1, "mapping", ""),
    ("just text\n", 1, "mapping", ""),
    ("", 1, "mapping", ""),
    ("# nothing but a comment\n", 1, "mapping", ""),
    ("? [a, b]\n: 1\n", 1, "plain word", "key: value"),
    ("b: 1\na: 2026-13-01\n", 2, "no 2026-13-01", "2026-10-03"),
    ("a: 2026-10-03T25:00:00\n", 1, "no 2026-10-03T25", ""),
    ("a: [1, 2\nb: 3\n", 2, "", ""),
    ("a: 'open\n", 2, "", ""),
    ("a:\n\tb: 1\n", 2, "tab|\\\\t", ""),
    ("a: b: c\n", 1, "mapping", ""),
    ("a: \x07\n", 1, "special characters", ""),
    (b"a: \xff\n", 1, "not UTF-8 at byte 3", "save the file as UTF-8"),
    ("a: 1\n".encode("utf-16"), 1, "not UTF-8", "save the file as UTF-8"),
    ("a: " + "x" * MAX_BYTES, 1, "larger than 1 MB", ""),
]


@pytest.mark.parametrize(("text", "line", "message", "mend"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_what_is_refused(tmp_path, text, line, message, mend):
    import re

    first = faults(tmp_path, text)[0]
    assert (first.file, first.line) == (str(tmp_path / "file.yaml"), line)
    assert re.search(message, first.message)
    assert mend in first.mend


BOMBS = {
    "a billion laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "two hundred thousand aliases": "a: &a [x]\nb: [" + ",".join(["*a"] * 200_000) + "]\n",
    "tags": "a: [" + ",".join(["!x 1"] * 150_000) + "]",
    "brackets": "a: " + "[" * 400_000,
    "braces": "a: " + "{a: " * 200_000,
    "dashes": "a:\n" + "- " * 300_000,
    "closed brackets": "a: " + "[" * 5000 + "]" * 5000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_g3_a_bomb_is_refused_before_it_grows(tmp_path, name):
    path = file(tmp_path, BOMBS[name])
    tracemalloc.start()
    with pytest.raises(ConfigError) as caught:
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    assert len(caught.value.faults) <= 100


def test_forty_levels_are_enough_and_allowed(tmp_path):
    assert read(file(tmp_path, "a: " + "[" * 39 + "]" * 39)).data["a"] == json.loads("[" * 39 + "]" * 39)
    assert "nested deeper" in faults(tmp_path, "a: " + "[" * 40 + "]" * 40)[0].message


def test_a_file_of_exactly_one_megabyte_is_read_and_a_byte_order_mark_is_not_text(tmp_path):
    text = "a: " + "x" * (MAX_BYTES - 3)
    assert len(read(file(tmp_path, text)).data["a"]) == MAX_BYTES - 3
    assert read(file(tmp_path, "\ufeffa: 1\n")).data == {"a": 1}


def test_a_pipe_that_never_ends_is_not_read_for_ever(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def feed() -> None:
        with path.open("wb", buffering=0) as pipe:
            try:
                while True:
                    pipe.write(b"# " + b"x" * 65_536 + b"\n")
            except BrokenPipeError:
                return

    thread = threading.Thread(target=feed)
    thread.start()
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        read(path)
    thread.join()


@pytest.mark.parametrize("name", ["none.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path, name):
    with pytest.raises(ConfigError, match="cannot read the file"):
        read(tmp_path / name)


class Inner(Strict):
    id: str
    count: int = 0
    share: float = 0.5
    when: date | None = None


class Outer(Strict):
    title: str
    inner: tuple[Inner, ...] = ()
    flag: bool = False


def test_every_fault_of_shape_at_its_line_with_its_mend(tmp_path):
    text = """title: 5
inner:
  - {id: a}
  - {count: 1}
  - id: c
    cuont: 3
    count: many
    share: .nan
    when: tomorrow
  - just text
flag: perhaps
"""
    with pytest.raises(ConfigError) as caught:
        load(file(tmp_path, text), Outer)
    found = {(f.line, f.message.partition(":")[0], f.mend) for f in caught.value.faults}
    assert found == {
        (1, "title", "write text; put a number in quotes"),
        (4, "inner.1.id", "add the key"),  # the one that lacks it, though others have it
        (6, "inner.2.cuont", "is it count?"),
        (7, "inner.2.count", "write a whole number"),
        (8, "inner.2.share", "change the value"),
        (9, "inner.2.when", "write a date: 2026-10-03"),
        (10, "inner.3", "write key: value lines"),
        (11, "flag", "write true or false"),
    }
    assert all(str(fault).startswith(f"{tmp_path}/file.yaml:") for fault in caught.value.faults)
    assert str(caught.value).count("\n") == 7


def test_models_are_frozen_and_the_exit_status_is_that_of_sysexits(tmp_path):
    found = load(file(tmp_path, "title: x\n"), Outer)
    with pytest.raises(ValueError, match="frozen"):
        found.title = "y"  # type: ignore[misc]
    assert EXIT_CONFIG == os.EX_CONFIG


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words.filter(bool), inner, max_size=4), max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(words, plain, min_size=1, max_size=4))
def test_any_json_is_read_as_what_it_is(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("yaml") / "file.yaml"
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    assert _normal(read(path).data) == _normal(data)


def _normal(value: Any) -> Any:
    """Floats print as they read; a float without a fraction may come back whole."""
    if isinstance(value, dict):
        return {str(key): _normal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_normal(inner) for inner in value]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def faults_of(path: Path) -> tuple[Fault, ...]:
    """Nothing but a ConfigError may come out of the reader."""
    try:
        read(path)
    except ConfigError as error:
        return error.faults
    return ()


@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_anything_but_data_or_a_config_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("yaml") / "file.yaml"
    path.write_bytes(data)
    assert all(fault.line >= 1 for fault in faults_of(path))


@given(st.text("ab:-[]{}&*!%<>|#'\"?,@` \n\t0.~", max_size=60))
def test_no_text_of_yamls_own_signs_breaks_the_reader(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("yaml") / "file.yaml"
    path.write_text(text, encoding="utf-8")
    assert all(fault.message for fault in faults_of(path))
