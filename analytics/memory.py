"""What was made of one state of the store: made once however many ask at the same time, kept until the state moves."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 128  # results kept; beyond, the one that was asked for longest ago goes


@dataclass(slots=True)
class _Place:
    """One name: its last result, the state it was made of, and whose turn it is to make it."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    state: object = None
    made: tuple[Any, ...] = ()  # the result, where there is one


class Memory:
    """Results by name; they are shared, so nobody changes them. Safe from several threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._lock = most, threading.Lock()
        self._places: dict[Hashable, _Place] = {}  # the one asked for last stands last

    def of(self, name: Hashable, state: object, make: Callable[[], T]) -> T:
        """The result of that name made of this state; whoever asks meanwhile waits for it. An error is not kept."""
        place = self._place(name)
        with place.turn:
            if not place.made or place.state != state:
                place.made, place.state = (make(),), state
            made: T = place.made[0]
        return made

    def _place(self, name: Hashable) -> _Place:
        with self._lock:
            place = self._places[name] = self._places.pop(name) if name in self._places else _Place()
            while len(self._places) > self._most:
                del self._places[next(iter(self._places))]
        return place
