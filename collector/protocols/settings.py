"""How a Modbus link is reached and how its serial line speaks (pure)."""

from typing import NamedTuple


class Settings(NamedTuple):
    """How a line is reached: the adapter's path, or host and port of a converter; and how it speaks."""

    path: str = ""
    host: str = ""
    port: int = 0
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1
    numbered: bool = True  # Modbus TCP: answers carry the transaction id of their request

    @property
    def remote(self) -> bool:
        """True behind a TCP converter."""
        return not self.path

    @property
    def where(self) -> str:
        """For people."""
        return self.path or f"{self.host}:{self.port}"

    @property
    def character_s(self) -> float:
        """Start, 8 bits, parity, stop [s]."""
        return (9 + (self.parity != "N") + self.stop_bits) / self.baud
