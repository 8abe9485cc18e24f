import threading
from collections import Counter

import pytest

from analytics.memory import Memory


def test_one_state_is_made_once_and_another_one_anew():
    memory, made = Memory(), list[int]()

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert [memory.of("a", state, make) for state in (1, 1, 2, 2)] == [0, 0, 1, 1]
    assert memory.of("b", 2, make) == 2


def test_those_who_ask_at_once_wait_for_one():
    memory, begun, go, made = Memory(), threading.Event(), threading.Event(), Counter[str]()

    def make() -> object:
        made["times"] += 1
        begun.set()
        assert go.wait(60)
        return object()

    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(memory.of("a", 1, make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    assert memory.of("another", 1, lambda: 5) == 5  # nobody waits for what they did not ask for
    go.set()
    for thread in threads:
        thread.join(60)
    assert (made["times"], len(found), len(set(map(id, found)))) == (1, 8, 1)


def test_an_error_is_not_kept():
    memory = Memory()
    with pytest.raises(LookupError):
        memory.of("a", 1, lambda: {}["x"])
    assert memory.of("a", 1, lambda: 3) == 3


def test_what_was_asked_for_longest_ago_goes():
    memory, made = Memory(most=2), list[str]()

    def ask(name: str) -> None:
        memory.of(name, 1, lambda: made.append(name))

    for name in ("a", "b", "a", "c", "a", "b"):
        ask(name)
    assert made == ["a", "b", "c", "b"]


def test_nothing_is_a_result_too():
    memory, made = Memory(), list[None]()
    for _ in range(2):
        memory.of("a", 1, lambda: made.append(None))
    assert made == [None]
