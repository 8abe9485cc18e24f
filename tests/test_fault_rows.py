"""Every row of the fault catalogue has a test (docs/torture.md has the field failures behind them).

A test says which rows it proves: `_k6_` in its name, or `K6:` at the beginning of its docstring (or its module's).
"""

import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent

# What each row is about, so that the list can be read alone.
ROWS = {
    "D1": "a device does not answer", "D2": "an answer later than the timeout",
    "D3": "a late answer of a device with a constant transaction id", "D4": "a wrong id, unit, function or length",
    "D5": "two answers to one request", "D6": "absurd lengths, and a flood", "D7": "answers in pieces",
    "D8": "exceptions", "D9": "a device that takes one connection", "D10": "connections closed, reset, half open",
    "D11": "two hundred devices come back at once", "D12": "a value torn between two requests",
    "D13": "a word order set wrong", "D14": "a counter that dips and heals", "D15": "a meter that answers from a cache",
    "D16": "a device slower than its period",
    "R1": "a late answer on a line without numbers", "R2": "bit errors and noise", "R3": "the adapter's echo",
    "R4": "an adapter unplugged and back", "R5": "an adapter that hangs", "R6": "a dead unit on a line",
    "R7": "two masters", "R8": "wrong line parameters", "R9": "two processes on one port",
    "N1": "the uplink is down", "N2": "loss, latency, a narrow uplink", "N3": "an uplink that flaps",
    "N4": "a sink that never answers", "N5": "applied, and the answer lost", "N6": "names that do not resolve",
    "N7": "a captive portal", "N8": "a redirect", "N9": "certificates that are not good",
    "B1": "the broker restarts cleanly", "B2": "the broker is killed, its disk lost",
    "B3": "the collector is killed between message and commit", "B4": "the broker's queue overflows",
    "B5": "the session expired or taken over", "B6": "retained messages", "B7": "duplicates, and out of order",
    "B8": "a publisher without acknowledgements", "B9": "payloads that are no message",
    "B10": "a message that breaks the handler; a dead network thread", "B11": "a flood of unknown topics",
    "B12": "a refused subscription", "B13": "a frozen broker",
    "T1": "Retry-After of every kind", "T2": "a server that is ill", "T3": "a token or bucket that is gone",
    "T4": "a batch too large", "T5": "one malformed line", "T6": "a type conflict", "T7": "beyond retention",
    "T8": "acknowledged and not there", "T9": "a database rolled back", "T10": "a database gone for a while",
    "T11": "the type of a point changed", "T12": "the precision", "T13": "two gateways of one name",
    "T14": "a sink slower than the input",
    "K1": "a full disk", "K2": "another process fills the disk", "K3": "an error at a sync",
    "K4": "a file system turns read-only", "K5": "a power cut", "K6": "torn, turned, zeroed, foreign, truncated",
    "K7": "the log is gone", "K8": "a slow disk", "K9": "flash wear", "K10": "no more files may be opened",
    "K11": "another format", "K12": "a faulty site file with a backlog", "K13": "a reload under load",
    "K14": "a backup while running",
    "C1": "a clock not set at boot", "C2": "never set before the next power cut", "C3": "the clock steps",
    "C4": "the clock leaps far ahead", "C5": "the clock drifts and is slewed", "C6": "summer time, leap seconds",
    "C7": "a device's clock is wrong", "C8": "the machine stood still",
    "P1": "told to stop", "P2": "killed anywhere", "P3": "the event loop blocked", "P4": "a task dies",
    "P5": "stopped in the middle of anything", "P6": "memory", "P7": "a starved processor", "P8": "many restarts",
    "P9": "two collectors", "P10": "leaks", "P11": "a flood of log lines",
    "G1": "every fault of a site file", "G2": "a half-written file at a reload", "G3": "YAML bombs",
    "G4": "a point renamed, a unit or a scale changed", "G5": "a factor changed", "G6": "a secret open to all",
}  # fmt: skip
# No test of their own, and why.
WITHOUT: dict[str, str] = {}
_TESTS = re.compile(r"^(?:async )?def (test_\w+)\([^)]*\)[^:\n]*:\n(?:    \"{3}([^\n]*))?", re.MULTILINE)
_NAMED = re.compile(r"(?<=_)([drnbtkcpg]\d{1,2})(?=_|$)")
_SAID = re.compile(r"^(?:[A-Z]\d{1,2}(?:, | and | to |, and )?)+(?=[:,])")


def proofs() -> Iterator[str]:
    """The rows that tests say they prove."""
    for path in sorted(HERE.rglob("test_*.py")):
        for name, said in _TESTS.findall(path.read_text()):
            yield from (row.upper() for row in _NAMED.findall(name))
            if found := _SAID.match(said):
                yield from re.findall(r"[A-Z]\d+", found[0])


def test_every_row_has_a_test_or_says_why_not_and_no_reason_outlives_its_need() -> None:
    proved = set(proofs())
    assert sorted(ROWS.keys() - proved - WITHOUT.keys()) == []
    assert proved & WITHOUT.keys() == set()
    assert WITHOUT.keys() <= ROWS.keys()
