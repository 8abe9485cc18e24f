"""What the simulated devices really gave, by their logs; each answer may stand behind one stored reading only."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metering.reading import Block, Lane, PollGroup
from metering.store.readings_reader import StoredPoll
from simulators.truth import read_history, read_lines

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
    sequence: int | None = None


class Truth:
    """The logs of one demo, indexed for looking up what the store holds."""

    def __init__(self, folder: Path) -> None:
        self._answers: dict[AnswerKey, list[int]] = {}
        self._history: dict[tuple[str, str], dict[int, int]] = {}
        self._payloads: dict[tuple[str, bytes], list[Message]] = {}
        self.messages: list[Message] = []
        for path in sorted(folder.glob("*.jsonl")):
            for line in read_lines(path):
                self._take(line)
        for path in sorted(folder.glob("*.bin")):
            self._take_history(path)

    def _take(self, line: Mapping[str, Any]) -> None:
        if line.get("fault") in FOREIGN or line.get("gone"):
            return
        if "topic" in line:
            payload = str(line["payload"]).encode()
            message = Message(line["t"], line["device"], line["topic"], payload, line.get("seq"))
            self.messages.append(message)
            self._payloads.setdefault((message.device, payload), []).append(message)
        else:
            key = (line["device"], line["fc"], line["addr"], bytes.fromhex(line["words"]))
            self._answers.setdefault(key, []).append(line["t"])

    def _take_history(self, path: Path) -> None:
        for group, time_ms, words in read_history(path):
            shape = _shape(map(tuple, group["blocks"])) or str(group["group"])
            self._history.setdefault((group["device"], shape), {})[time_ms] = hash(words)

    def claim(self, group: PollGroup, poll: StoredPoll) -> bool:
        """Whether logged answers stand behind a stored poll, word for word; they cannot be claimed again."""
        if poll.lane is Lane.HISTORY:
            shape = _shape((b.function, b.address, b.count) for b in group.blocks) or group.name
            times = self._history.get((group.device, shape), {})
            return times.pop(poll.time_ms, None) == hash(poll.words)
        if not group.blocks:
            return self._claim_message(group, poll)
        return all(self._claim_answer(group.device, *part, poll.time_ms) for part in parts(group.blocks, poll.words))

    def _claim_answer(self, device: str, block: Block, words: bytes, time_ms: int) -> bool:
        return _newest(self._answers.get((device, block.function, block.address, words), []), time_ms, OLDEST_MS)

    def _claim_message(self, group: PollGroup, poll: StoredPoll) -> bool:
        found = self._payloads.get((group.device, poll.words), [])
        for index, message in enumerate(found):
            if message.topic.endswith(f"/{group.name}"):
                del found[index]
                return True
        return False

    @property
    def unclaimed(self) -> list[Message]:
        """The messages behind which no stored reading was found."""
        return [message for some in self._payloads.values() for message in some]


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
