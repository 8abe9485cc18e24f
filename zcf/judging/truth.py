"""What the simulated devices really gave, by their logs; each answer may stand behind one stored reading only."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metering.reading import Block, Lane, PollGroup, StoredPoll
from simulators.truth import logs, read_history, read_lines

# Bytes that never were an answer to what was asked; a reading made of them is invented.
FOREIGN = frozenset({"late", "lost", "short", "wrong_unit", "wrong_transaction", "exception", "cut", "down"})
OLDEST_MS = 15_000  # an answer reaches the store within so long [ms]
NEWEST_MS = 5  # it is logged before it leaves; a reading's stamp may be bumped, never set back

AnswerKey = tuple[str, int, int, bytes]  # (device, function, address, words)


@dataclass(frozen=True, slots=True)
class Message:
    """One published message."""

    time_ms: int
    device: str
    topic: str
    payload: bytes
    sequence: int = 0

    def told(self, pointers: Sequence[str]) -> bytes:
        """What it says at some JSON pointers, numbers as printed: the form in which a message is stored."""
        document = json.loads(self.payload, parse_float=str, parse_int=str)
        return json.dumps([pointed(document, pointer) for pointer in pointers], separators=(",", ":")).encode()


def pointed(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to; None where it leads nowhere."""
    for part in pointer[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        document = document.get(key) if isinstance(document, dict) else None
    return document


class Truth:
    """The logs of one demo, indexed for looking up what the store holds."""

    def __init__(self, folder: Path) -> None:
        self._answers: dict[AnswerKey, list[int]] = {}
        self._history: dict[tuple[str, str], dict[int, int]] = {}
        self._past: dict[int, dict[int, int]] = {}  # of each poll group that was asked for
        self._unclaimed: dict[tuple[str, str], dict[bytes, list[Message]]] = {}
        self.messages: list[Message] = []
        for path in logs(folder):
            for line in read_lines(path):
                self._take(line)
        for path in sorted(folder.glob("*.bin")):
            self._take_history(path)

    def _take(self, line: Mapping[str, Any]) -> None:
        if line.get("fault") in FOREIGN or line.get("gone"):
            return
        if "topic" in line:
            payload = str(line["payload"]).encode()
            self.messages.append(Message(line["t"], line["device"], line["topic"], payload, line.get("seq", 0)))
        else:
            key = (line["device"], line["fc"], line["addr"], bytes.fromhex(line["words"]))
            self._answers.setdefault(key, []).append(line["t"])

    def _take_history(self, path: Path) -> None:
        known: dict[int, dict[int, int]] = {}
        for group, time_ms, words in read_history(path):
            if id(group) not in known:
                shape = _shape(map(tuple, group["blocks"])) or str(group["group"])
                known[id(group)] = self._history.setdefault((group["device"], shape), {})
            known[id(group)][time_ms] = hash(words)

    def claim(self, group: PollGroup, poll: StoredPoll, pointers: Sequence[str] = ()) -> bool:
        """Whether logged answers stand behind a stored poll, word for word; they cannot be claimed again.

        Of a group of messages, `pointers` say where each of its columns stands.
        """
        if poll.lane is Lane.HISTORY:
            if poll.group not in self._past:
                shape = _shape((b.function, b.address, b.count) for b in group.blocks) or group.name
                self._past[poll.group] = self._history.get((group.device, shape), {})
            return self._past[poll.group].pop(poll.time_ms, None) == hash(poll.words)
        if not group.blocks:
            return self._claim_message(group, poll, pointers)
        return all(self._claim_answer(group.device, *part, poll.time_ms) for part in parts(group.blocks, poll.words))

    def _claim_answer(self, device: str, block: Block, words: bytes, time_ms: int) -> bool:
        return _newest(self._answers.get((device, block.function, block.address, words), []), time_ms, OLDEST_MS)

    def _claim_message(self, group: PollGroup, poll: StoredPoll, pointers: Sequence[str]) -> bool:
        key = (group.device, group.name)
        if key not in self._unclaimed:
            found = self._unclaimed[key] = {}
            for message in self.messages:
                if message.device == group.device and message.topic.endswith(f"/{group.name}"):
                    found.setdefault(message.told(pointers), []).append(message)
        same = self._unclaimed[key].get(poll.words, [])
        for index in range(len(same) - 1, -1, -1):  # the newest: what is older may have been sent to nobody
            message = same[index]
            if message.sequence == poll.tick if poll.tick else message.time_ms <= poll.time_ms + NEWEST_MS:
                del same[index]
                return True
        return False

    @property
    def unclaimed(self) -> list[Message]:
        """The messages behind which no stored reading was found, of the groups that were asked for."""
        return [m for topics in self._unclaimed.values() for some in topics.values() for m in some]


def _newest(times: list[int], before_ms: int, span_ms: int) -> bool:
    """Take the newest of some times that lies in the span before an instant."""
    for index in range(len(times) - 1, -1, -1):
        if times[index] <= before_ms + NEWEST_MS:
            if times[index] < before_ms - span_ms:
                return False
            del times[index]
            return True
    return False


def parts(blocks: Iterable[Block], words: bytes) -> Iterator[tuple[Block, bytes]]:
    """The words of each block of a poll."""
    offset = 0
    for block in blocks:
        yield block, words[offset : offset + 2 * block.count]
        offset += 2 * block.count


def _shape(blocks: Iterable[tuple[int, ...]]) -> str:
    return ",".join(f"{function}:{address}+{count}" for function, address, count in blocks)
