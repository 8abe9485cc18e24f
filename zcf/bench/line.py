"""A serial line of one's own: 32 meters on a pseudo-terminal, in a process that takes as long as a wire would.

`python -m zcf.bench.line BAUD TURNAROUND_S` prints the terminal's path, answers until its input ends, then prints what
it was asked and when, and how late this computer handed each answer over, on the system's monotonic clock [s].
"""

import json
import os
import pty
import select
import struct
import sys
import time
import tty

from collector.protocols.rtu import crc16

BITS, REQUEST, FRAME = 10, 8, 5  # of a character 8N1; characters of a request, and of an answer beside its registers
_FINE_S = 0.001  # a sleep is left so much early, and the rest is spun


def answer_to(request: bytes) -> bytes:
    """The registers asked for: floats that differ by place."""
    address, count = struct.unpack(">HH", request[2:6])
    data = b"".join(struct.pack(">f", float(address + at)) for at in range(0, count, 2))[: 2 * count]
    frame = bytes([request[0], request[1], len(data)]) + data
    return frame + crc16(frame)


def wait_until(at: float) -> None:
    """Return at an instant of the monotonic clock, as sharply as this computer can."""
    rest = at - time.monotonic()
    if rest > _FINE_S:
        time.sleep(rest - _FINE_S)
    while time.monotonic() < at:
        pass


def serve(master: int, baud: int, turnaround_s: float) -> list[tuple[float, str, float]]:
    """Answer every request when the wire would have; (arrived, request, late) of each."""
    asked: list[tuple[float, str, float]] = []
    character_s, pending = BITS / baud, b""
    while True:
        ready, _, _ = select.select([master, sys.stdin], [], [])
        arrived = time.monotonic()
        if sys.stdin in ready:
            return asked
        pending += os.read(master, 256)
        if len(pending) < REQUEST:
            continue
        request, pending = pending[:REQUEST], b""
        answer = answer_to(request)
        due = arrived + (REQUEST + len(answer)) * character_s + turnaround_s
        wait_until(due)
        os.write(master, answer)
        asked.append((arrived, request.hex(), time.monotonic() - due))


def main() -> None:
    """Serve one line."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    print(os.ttyname(slave), flush=True)
    print(json.dumps(serve(master, int(sys.argv[1]), float(sys.argv[2]))), flush=True)


if __name__ == "__main__":
    main()
