"""Answers that are well formed and cannot be true (pure).

Some gateways answer "all zeros, success" for a device they have lost: growatt issue 309, seen with inverters.
"""

from collections.abc import Iterable, Sequence


def _kind(quantity: str) -> str:
    """What a zero of a quantity says about the device: no mains, nothing ever counted, or nothing."""
    if quantity == "frequency" or quantity.startswith("voltage_"):
        return "mains"
    return "energy" if quantity.startswith(("active_energy_", "apparent_energy")) else ""


class Silence:
    """Recognises a device of which every register is zero: no frequency, no voltage, and a meter that never counted.

    No mains alone is an inverter at night or a meter behind an open switch; no energy alone is a new meter. What the
    device's other groups last held is part of the judgement, since mains and energy are often read apart.
    """

    def __init__(self) -> None:
        self._zero: dict[tuple[int, str], bool] = {}  # by group and kind
        self._kinds: dict[int, frozenset[str]] = {}  # by group: what its quantities say, worked out once

    def broken(self, group: int, quantities: Iterable[str], words: Sequence[bytes]) -> bool:
        """True where this answer is all zeros and nothing the device last said speaks against its being lost."""
        zero = not any(map(any, words))
        if group not in self._kinds:
            self._kinds[group] = frozenset(map(_kind, quantities)) - {""}
        for kind in self._kinds[group]:
            self._zero[group, kind] = zero
        if not zero:
            return False
        kinds = {kind for _, kind in self._zero}
        return kinds == {"mains", "energy"} and all(self._zero.values())
