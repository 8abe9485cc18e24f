"""A file that holds disk space back: on a full disk SQLite can delete nothing without room for its own journal."""

import contextlib
import os
from pathlib import Path
from typing import Final

SIZE: Final = 4 * 2**20  # [bytes]


class Reserve:
    """Space in a folder that nobody else can take, until it is needed."""

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        self.path, self._size = folder / "reserve", size

    @property
    def held(self) -> bool:
        """True while the space is there."""
        return self.path.exists()

    def make(self) -> bool:
        """Hold the space, if the disk has four times as much to give."""
        if self.held:
            return True
        free = os.statvfs(self.path.parent)
        if free.f_bavail * free.f_frsize < 4 * self._size:
            return False
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.posix_fallocate(fd, 0, self._size)
            finally:
                os.close(fd)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> bool:
        """Give the space back; False where it was gone already."""
        held = self.held
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        return held and not self.held
