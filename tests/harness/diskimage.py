"""A small ext4 in a file, for runs by root: it can go dark under its writers and be filled to the last byte."""

import fcntl
import os
import shutil
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, struct.pack("I", 2)  # EXT4_IOC_SHUTDOWN: what is not on the disk is gone
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


class DiskImage:
    """Mounted on a folder until closed."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self._folder, self._balloon = image, folder, folder / "balloon"
        folder.mkdir(exist_ok=True)
        image.touch()
        os.truncate(image, 96 * 2**20)
        self._run("mkfs.ext4", "-q", "-F", str(image))
        self.mount()

    def _run(self, *words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, env={"PATH": _PATH})

    def mount(self) -> None:
        self._run("mount", "-o", "loop", str(self._image), str(self._folder))

    def shut_down(self) -> None:
        """Dark: every further write fails, and what was not synced never reaches the file."""
        fd = os.open(self._folder, os.O_RDONLY)
        fcntl.ioctl(fd, _SHUTDOWN, _NO_LOG_FLUSH)
        os.close(fd)

    def mount_again(self) -> None:
        self._run("umount", str(self._folder))
        self.mount()

    def fill(self) -> None:
        """Somebody else takes all the room there is."""
        with suppress(OSError), self._balloon.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        with suppress(OSError), self._balloon.open("ab", buffering=0) as file:
            while True:
                file.write(b"\0")

    def free(self) -> None:
        self._balloon.unlink(missing_ok=True)

    def close(self, keep: Path) -> None:
        """Copy what it holds to another folder, and unmount."""
        self.free()
        shutil.copytree(self._folder, keep, ignore=shutil.ignore_patterns("lost+found"))
        self._run("umount", str(self._folder))


def mounted(image: Path, folder: Path) -> DiskImage | str:
    """The image mounted, or why not."""
    if os.geteuid() != 0:
        return "not root"
    try:
        return DiskImage(image, folder)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{type(error).__name__}: {error}"
