"""The folder of one demo: its site and plant with free ports, its faults, its past; kept from one start to the next."""

import fcntl
import json
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer

from metering.period import from_ms
from metering.sitefile import load_site
from metering.store import StoreLockedError
from metering.store.readings import readings_path, writing
from metering.store.readings_reader import ReadingsReader
from metering.store.sqlite import holder, is_locked
from simulators.config import PlantFile, load_plant
from simulators.faultfile import load_faults
from simulators.history import write_history
from simulators.prepare import with_ports, with_retrofits, with_start

EXAMPLE = Path(__file__).resolve().parent.parent / "deploy" / "example"
DAY_MS = 86_400_000
PAGE_PORT = 8080
PORTS = range(15_020, 32_020)  # below those that the kernel gives to outgoing connections
TRIES = 100
REPORTING = 3  # a third of the past lies behind the retrofit, two thirds are its baseline
LEAD_MS = 5_000  # what the three processes take to be there


class Home:
    """Where a demo keeps everything; every command works on its site.yaml."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.site, self.plant, self.faults = (self.folder / f"{name}.yaml" for name in ("site", "plant", "faults"))
        self.truth, self.logs = self.folder / "truth", self.folder / "logs"
        self._state = self.folder / "demo.json"

    @property
    def state(self) -> Mapping[str, Any]:
        """What was decided on an earlier start."""
        return json.loads(self._state.read_text()) if self._state.exists() else {}

    def note(self, **more: Any) -> None:
        """Keep a decision for the next start."""
        text = json.dumps({**self.state, **more}, indent=1)
        self._state.with_suffix(".new").write_text(text)
        self._state.with_suffix(".new").replace(self._state)

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """The folder for this demo alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "demo.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreLockedError(f"another demo runs in {self.folder}; stop it, or take another --dir") from None
            yield

    def prepare(self, days: int, faults: Path | None, now_ms: int) -> None:
        """Make or check the folder's files; ConfigError when one of them cannot be used."""
        self._take_faults(faults)
        today = from_ms(now_ms)
        improved = (today - timedelta(days=days // REPORTING)).date()  # the days before it are the baseline
        if not self.plant.exists():
            text = with_retrofits((EXAMPLE / "plant.yaml").read_text(encoding="utf-8"), improved)
            anchor = (today - timedelta(days=days + 2)).date()
            self.plant.write_text(with_start(text, anchor, now_ms + LEAD_MS), encoding="utf-8")
        if not self.site.exists():
            text = with_retrofits((EXAMPLE / "site.yaml").read_text(encoding="utf-8"), improved)
            self.site.write_text(text, encoding="utf-8")
        plant = load_plant(self.plant)
        if self.faults.exists():
            load_faults(self.faults, plant)
        self._settle_ports(plant)
        load_site(self.site)

    def _take_faults(self, faults: Path | None) -> None:
        if faults is None:
            return
        if self.plant.exists() and (not self.faults.exists() or self.faults.read_bytes() != faults.read_bytes()):
            message = f"{self.folder} already holds a demo with other faults; take another --dir"
            raise typer.BadParameter(message, param_hint="--faults")
        shutil.copyfile(faults, self.faults)

    def _settle_ports(self, plant: PlantFile) -> None:
        """Keep the ports of the last start where they are still free; take free ones else, in both files."""
        known = self.state.get("ports", {})
        with ExitStack() as held:
            ports = {link.id: _free(held, link.host, known.get(link.id)) for link in plant.links}
        if ports != known:
            for path in (self.plant, self.site):
                path.write_text(with_ports(path.read_text(encoding="utf-8"), ports), encoding="utf-8")
            self.note(ports=ports)

    def page_port(self, wanted: int | None) -> int:
        """The page's port: the one asked for, else the last one, else the usual one, else any free one."""
        if wanted:
            return wanted
        with ExitStack() as held:
            port = _free(held, "127.0.0.1", self.state.get("page_port") or PAGE_PORT)
        self.note(page_port=port)
        return port

    def _make_room(self, store: Path) -> bool:
        """Whether the store takes a past: it holds nothing, or a past of ours that was broken off, which goes."""
        path = readings_path(store)
        if path.exists():
            lock = path.with_name("writer.lock")
            if is_locked(lock):
                raise StoreLockedError(f"{path.parent} is being written by {holder(lock)}; stop it first")
            if not self.state.get("past_begun"):
                return not ReadingsReader(store).last_seq()
            shutil.rmtree(path.parent)
        self.note(past_begun=True)
        return True

    def write_past(self, days: int, until_ms: int, progress: Callable[[int], None]) -> int:
        """The history, once: a past that was broken off is written again, one that is there stays; polls written."""
        config = load_site(self.site)
        if "history" in self.state or not days or not self._make_room(config.store_dir):
            return 0
        plant = load_plant(self.plant)
        faults = load_faults(self.faults, plant) if self.faults.exists() else ()
        start_ms = until_ms - days * DAY_MS
        with writing(config.store_dir, "zcf demo") as writer:
            truth = self.truth / "history.bin"
            polls = write_history(writer, plant, config, start_ms, until_ms, truth, faults, progress)
        self.note(history={"from_ms": start_ms, "until_ms": until_ms, "polls": polls})
        return polls

    def begin(self, now_ms: int) -> None:
        """Let the faults count from the first live moment; on later starts they go on counting."""
        if "begun_ms" in self.state:
            return
        if self.faults.exists():
            anchor = from_ms(load_plant(self.plant).anchor * DAY_MS).date()
            text = self.plant.read_text(encoding="utf-8")
            self.plant.write_text(with_start(text, anchor, now_ms + LEAD_MS), encoding="utf-8")
        self.note(begun_ms=now_ms)


def utc_ms() -> int:
    """Now [ms UTC]."""
    return int(datetime.now(UTC).timestamp() * 1000)


def _free(held: ExitStack, host: str, wanted: int | None) -> int:
    """The wanted port if it is free, else a free one of ours; held until all are chosen."""
    drawn = [secrets.choice(PORTS) for _ in range(TRIES)]  # two demos that start together do not want the same
    for port in [*([wanted] if wanted else []), *drawn]:
        with suppress(OSError):
            held.enter_context(socket.create_server((host, port)))
            return port
    raise OSError(f"no free port on {host} among {PORTS.start}..{PORTS.stop - 1}")
