"""K10: a process that may open few files reads what it can, says why of the rest, and loses no tick."""

import asyncio
import signal
from pathlib import Path

from metering.reading import GapReason
from metering.store.readings_reader import ReadingsReader
from tests.collector.doubles import device
from tests.collector.sites import accounted, due_by_contract, make_site
from tests.collector.test_daemon import CODE, running

LIMIT, LINKS = 40, 60
LIMITED = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT})); {CODE}"


async def test_k10_where_it_may_open_few_files_the_rest_are_gaps_with_the_systems_words(tmp_path: Path) -> None:
    names = [f"l{number}" for number in range(LINKS)]
    async with device() as meter:
        config = make_site(
            tmp_path, dict.fromkeys(names, (1,)), port_of=dict.fromkeys(names, meter.port),
            every="{power: 500ms, energy: 10s}", timeout_s=1,
        )  # fmt: skip
        reader = ReadingsReader(config.store_dir)
        with running(config.path, LIMITED) as daemon:
            async with asyncio.timeout(120):
                while not (told(reader) and read(reader) > 3 * LIMIT // 4):
                    await asyncio.sleep(0.1)
            opened = len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir()))
            assert await asyncio.to_thread(daemon.end, signal.SIGTERM) == 0
    assert opened <= LIMIT
    assert accounted(reader) == due_by_contract(reader)
    assert len(daemon.log.read_text().splitlines()) < 4 * LINKS


def told(reader: ReadingsReader) -> bool:
    """Whether gaps say that no more files may be opened."""
    gaps, _ = reader.gaps(0, 2**60)
    return any(gap.reason is GapReason.CONNECT and "Too many open files" in gap.detail for gap in gaps)


def read(reader: ReadingsReader) -> int:
    """How many readings there are."""
    return sum(count for count, _ in reader.counts().values())
