"""Named places at which a test kills the process: `ZCF_FAILPOINT=name:n` is SIGKILL when it is passed the n-th time.

A crash there must lose nothing that was acknowledged; tests/harness/failpoints.py walks them all.
"""

import itertools
import os
import signal
from typing import Final

NAMES: Final = (
    "poll-read", "poll-queued", "message-taken",
    "commit-before", "commit-written", "commit-after", "told",
    "group-made", "declared", "epoch-opened", "epoch-ledger", "epoch-gaps", "epoch-closed",
    "forward-sent", "forward-marked", "forward-set-aside", "acknowledge-written",
    "thin-written", "thin-done", "reserve-released",
    "aside-moved", "salvage-half", "migrate-copied", "migrate-swapped",
    "reload-asked", "reload-wired", "stop-asked",
)  # fmt: skip


class _Armed:
    """What the environment asked for, if it did."""

    def __init__(self, text: str) -> None:
        self.name, _, number = text.partition(":")
        self.at = int(number or 1)
        self.passed = itertools.count(1)


_ARMED: Final = _Armed(os.environ["ZCF_FAILPOINT"]) if os.environ.get("ZCF_FAILPOINT") else None


def failpoint(name: str) -> None:
    """A place where a test may kill the process."""
    if _ARMED is not None and _ARMED.name == name and next(_ARMED.passed) == _ARMED.at:
        os.kill(os.getpid(), signal.SIGKILL)
