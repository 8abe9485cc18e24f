"""Every fsync and write of a process goes through us: who watches them can hold them up, fail them, and tell at any
moment what a power cut would leave. Needs no privilege: seccomp user notification (Linux 5.5).

`python -m tests.harness.guard FD COMMAND...` sends the listener over the socket FD and becomes the command.
"""

import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
import sys
import threading
import time
from collections import Counter
from pathlib import Path

_NUMBERS = {"x86_64": (0xC000003E, 317, {74: "fsync", 75: "fdatasync", 18: "pwrite64", 77: "ftruncate"}),
            "aarch64": (0xC00000B7, 277, {82: "fsync", 83: "fdatasync", 68: "pwrite64", 46: "ftruncate"})}  # fmt: skip
_RECV, _SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, _SEND
_CONTINUE = 1
_NOTICE, _REPLY = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")


def available() -> str:
    """Why this machine cannot do it; empty where it can."""
    machine = platform.machine()
    if machine not in _NUMBERS:
        return f"no system call numbers for {machine}"
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    if release < (5, 5):
        return f"Linux {platform.release()} is older than 5.5"
    ours, theirs = socket.socketpair()
    words = [sys.executable, "-m", "tests.harness.guard", str(theirs.fileno()), "/bin/true"]
    pid = os.spawnve(os.P_NOWAIT, words[0], words, dict(os.environ)) if not theirs.set_inheritable(True) else 0
    theirs.close()
    _, fds, _, _ = socket.recv_fds(ours, 16, 1)
    os.waitpid(pid, 0)
    ours.close()
    for fd in fds:
        os.close(fd)
    return "" if fds else "seccomp refuses a listener here"


def _listener() -> int:
    """Filter this process: the four calls are asked about, everything else is allowed. The fd to answer on."""
    arch, seccomp, calls = _NUMBERS[platform.machine()]
    numbers = list(calls)
    ins = [(0x20, 0, 0, 4), (0x15, 1, 0, arch), (0x06, 0, 0, 0x7FFF0000), (0x20, 0, 0, 0)]
    ins += [(0x15, len(numbers) - i, 0, number) for i, number in enumerate(numbers)]
    ins += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x7FC00000)]  # ALLOW, USER_NOTIF
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in ins))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(ins), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS
        raise OSError(ctypes.get_errno(), "no_new_privs")
    libc.syscall.restype = ctypes.c_long
    fd = int(libc.syscall(seccomp, 1, 8, program))  # SECCOMP_SET_MODE_FILTER, FILTER_FLAG_NEW_LISTENER
    if fd < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return fd


class Disk:
    """What one process does to the files below a folder: the durable copy of each, and the faults of the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder.resolve())
        self.durable: dict[str, bytes] = {}
        self.counts: Counter[str] = Counter()
        self.hits: Counter[str] = Counter()
        self.slow_s = 0.0
        self.full = False
        self.broken = False  # fsync says EIO
        self.kill_at_sync = threading.Event()
        self._calls = _NUMBERS[platform.machine()][2]
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, fd: int) -> None:
        """Answer for a process until it ends."""
        self._thread = threading.Thread(target=self._serve, args=(fd,), name="disk", daemon=True)
        self._thread.start()

    def power_cut(self) -> int:
        """After the process has died: the files as they were when last synced. How many bytes were lost."""
        lost = 0
        for path in Path(self.folder).rglob("*"):
            if not path.is_file() or path.name.endswith((".lock", "-shm")):
                continue
            now, before = path.read_bytes(), self.durable.get(str(path), b"")
            if now != before:
                lost += sum(a != b for a, b in zip(now, before, strict=False)) + abs(len(now) - len(before))
                path.write_bytes(before)
        for path in Path(self.folder).rglob("*-shm"):
            path.unlink()
        return lost

    def _serve(self, fd: int) -> None:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        while not self._stop.is_set():
            events = poll.poll(200)
            if not events:
                continue
            if events[0][1] & (select.POLLHUP | select.POLLERR):
                break
            notice = bytearray(_NOTICE.size)
            try:
                fcntl.ioctl(fd, _RECV, notice, True)
                id_, pid, _, number, _, _, target, *_ = _NOTICE.unpack(notice)
                error = self._answer(pid, target, self._calls.get(number, ""))
                fcntl.ioctl(fd, _SEND, bytearray(_REPLY.pack(id_, 0, -error, 0 if error else _CONTINUE)), True)
            except OSError:  # it died while asking
                continue
        os.close(fd)

    def _answer(self, pid: int, target: int, call: str) -> int:
        """0 to let it go on, else the error it gets; whatever happens there is an answer, or it would wait for ever."""
        try:
            return self._judge(pid, str(Path(f"/proc/{pid}/fd/{target}").readlink()), call)
        except OSError:
            return 0

    def _judge(self, pid: int, path: str, call: str) -> int:
        if not path.startswith(self.folder) or path.endswith("-shm"):
            return 0
        self.counts[call] += 1
        if call in {"pwrite64", "ftruncate"}:
            self.hits["full"] += self.full
            return errno.ENOSPC if self.full and call == "pwrite64" else 0
        return self._sync(pid, path)

    def _sync(self, pid: int, path: str) -> int:
        if self.kill_at_sync.is_set():
            self.kill_at_sync.clear()
            self.hits["killed"] += 1
            os.kill(pid, 9)
            return errno.EIO
        if self.slow_s:
            self.hits["slow"] += 1
            time.sleep(self.slow_s)
        if self.broken:
            self.hits["broken"] += 1
            return errno.EIO
        if os.path.isfile(path):  # noqa: PTH113 - a directory is synced too
            self.durable[path] = Path(path).read_bytes()
        return 0


def main() -> None:
    out = socket.socket(fileno=int(sys.argv[1]))
    try:
        fd = _listener()
    except OSError:
        out.send(b"no")
    else:
        socket.send_fds(out, [b"ok"], [fd])
        os.close(fd)
    out.close()
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
