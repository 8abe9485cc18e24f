"""Contestants in turn, so that none always comes after the same, and the median of what each used (pure)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

Run = dict[str, Any]


def in_turn(names: Iterable[str], rounds: int, run: Callable[[str, int], Run]) -> dict[str, list[Run]]:
    """Every contestant once a round, another one first each time."""
    order = list(names)
    found: dict[str, list[Run]] = {name: [] for name in order}
    for number in range(rounds):
        turn = number % len(order)
        for name in order[turn:] + order[:turn]:
            found[name].append(run(name, number))
    return found


def median(numbers: Sequence[float]) -> float:
    """The middle one, of an even count the lower."""
    return sorted(numbers)[(len(numbers) - 1) // 2]
