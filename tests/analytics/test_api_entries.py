"""Every kind of correction over HTTP on the real chain: entered, the figures anew, shown where it counts, undone."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from analytics.access import Role
from analytics.api import make_app
from analytics.closing import closings
from analytics.entering import said
from analytics.tokens import MADE, make
from metering.period import QUARTER_MS, from_ms
from metering.reading import MICRO, Block, Column, Lane, Poll, PollGroup, SeriesInfo
from metering.store.readings import writing
from tests.analytics.month_works import DAY_MS, END, GRID, MONTH, SITE, START, MonthWorks, quarters, register

BACK = ("grid", "active_energy_export")
HOLE = (END - 6 * 3_600_000, END + 6 * 3_600_000)  # the last evening of the month was not read
RESET = START + 19 * DAY_MS  # the export register began anew
NOON = START + 14 * DAY_MS + 12 * 3_600_000


def given(time_ms: int) -> int:
    """What the export register shows: 0.5 kWh a quarter-hour, from 0 again after its reset [micro]."""
    since = RESET if time_ms >= RESET else START - DAY_MS
    return (time_ms - since) // QUARTER_MS * MICRO // 2 + (0 if since == RESET else 10**8)


def kwh(micro: int) -> str:
    return str(Fraction(micro, MICRO))


class Clerk:
    """The works, a server over it, and somebody with a token."""

    def __init__(self, folder: Path) -> None:
        both = SITE.replace("[active_energy_import]", "[active_energy_import, active_energy_export]")
        self.works = MonthWorks(folder, site=both)
        self.works.full(without=HOLE)
        self._back()
        self.works.settle()
        service = self.works.service()
        shown, body = make("Li Hua", Role.OPERATOR, self.works.now + 10**9, ())
        said(service.config, self.works.now, MADE, body, ("admin", "test"), "test")
        app = make_app(service, local_reading=True)
        self.http = TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000))
        self.http.headers["Authorization"] = f"Bearer {shown}"

    def _back(self) -> None:
        group = PollGroup("m_grid", "back", (Column(*BACK),), (Block(3, 74, 2),), QUARTER_MS, True, "p", "h" * 64)
        info = SeriesInfo(
            *BACK, 0, "m_grid", "p", "h" * 64, "SN-grid", "uint32", Fraction(1, 100), None, Fraction(1), 400.0,
            QUARTER_MS, "0.5S",
        )  # fmt: skip
        with writing(self.works.store, "test") as writer:
            writer.declare([info])
            number = writer.group(group)
            times = list(quarters(START - DAY_MS, END + DAY_MS))
            writer.commit(Poll(number, t, 1, 0, Lane.CADENCE, (given(t),), bytes(4)) for t in times)

    def enter(self, kind: str, code: int = 201, **words: str) -> dict[str, Any]:
        """One entry; the service settles what it touches."""
        self.works.now += 1000
        named = {name.removesuffix("_"): text for name, text in words.items()}
        answer = self.http.post("/api/v1/entries", json={"kind": kind, "words": named, "why": "seen on site"})
        assert answer.status_code == code, answer.text
        self.works.settle()
        return answer.json()

    def balance(self) -> dict[str, Any]:
        answer = self.http.get("/api/v1/balance", params={"period": MONTH})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def figures(self) -> tuple[Any, ...]:
        """What a correction may move: energies, totals, the quarter-hours themselves."""
        body = self.balance()
        curve = self.http.get("/api/v1/energy", params={"period": MONTH}).json()
        return body["energy"], body["totals"], curve["series"]

    def readings(self) -> list[bytes]:
        """What the devices answered, as it lies in the store."""
        found = self.works.service().source.readings.ranges([GRID, BACK], 0, 2**53)
        return [column.time_ms.tobytes() + column.value.tobytes() for column in found.values()]


@pytest.fixture(scope="module")
def clerk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clerk]:
    """One for all: each test takes back what it entered, the last one closes the month."""
    made = Clerk(tmp_path_factory.mktemp("works"))
    with made.http:
        yield made


MIDDAY = {"point": "grid", "at": "2026-10-15T12:00"}
WHOLE = {"point": "grid", "from_": "2026-10-01T00:00", "to": "2026-11-01T00:00"}
IMPORTED = (register(END) - register(START)) / MICRO
BETWEEN = (register(NOON + QUARTER_MS) - register(NOON)) / MICRO
EXPORTED = 0.5 * (31 * 96 - 1)  # what the export register can tell: all but the quarter-hour of its reset
ENTRIES = {
    "exchange": {**MIDDAY, "final": kwh(register(NOON) + MICRO), "start": kwh(register(NOON + QUARTER_MS) - MICRO)},
    "bad_range": {"point": "grid", "from_": "2026-10-15T12:10", "to": "2026-10-15T18:10"},
    "manual_reading": {"point": "grid", "at": "2026-11-01T00:00", "value": kwh(register(END))},
    "multiplier": {**WHOLE, "factor": "11/10"},
    "direction": WHOLE,
    "reset": {"point": "grid", "quantity": BACK[1], "at": from_ms(RESET - 60_000).isoformat(), "energy": "0.5"},
    "bill": {**WHOLE, "value": "80000"},
}
Energy = dict[str, float]
# what each makes of the month's energy, by hand from the registers' own formulas
MAKES: dict[str, Callable[[Energy, Energy], bool]] = {
    "exchange": lambda old, new: new["import_kwh"] == pytest.approx(old["import_kwh"] - BETWEEN + 2, abs=1e-6),
    "bad_range": lambda old, new: (
        new["import_kwh"] == pytest.approx(old["import_kwh"], abs=1e-6) and new["placed_share"] > old["placed_share"]
    ),  # no total moves
    "manual_reading": lambda old, new: (
        new["import_kwh"] == pytest.approx(IMPORTED, abs=1e-6)
        and old["import_kwh"] != pytest.approx(IMPORTED, abs=1e-6)
    ),  # the last evening lay across a bowed register
    "multiplier": lambda old, new: new["import_kwh"] == pytest.approx(1.1 * old["import_kwh"], rel=1e-5),
    "direction": lambda old, new: (
        (new["import_kwh"], new["export_kwh"]) == (pytest.approx(EXPORTED), pytest.approx(old["import_kwh"], rel=1e-5))
    ),
    "reset": lambda old, new: (
        (old["export_kwh"], new["export_kwh"]) == (pytest.approx(EXPORTED), pytest.approx(EXPORTED + 0.5))
    ),
    "bill": lambda old, new: old == new,  # it stands beside the meter's figure
}


@pytest.mark.parametrize("kind", ENTRIES)
def test_an_entry_moves_what_it_touches_is_shown_there_and_is_taken_back(clerk: Clerk, kind: str) -> None:
    before, raw = clerk.figures(), clerk.readings()
    made = clerk.enter(kind, **ENTRIES[kind])
    assert (made["kind"], made["who"], made["why"]) == (kind, "Li Hua", "seen on site")
    body = clerk.balance()
    assert MAKES[kind](before[0], body["energy"])
    assert made["id"] in [one for line in body["lines"] if line["point"] == "grid" for one in line["entries"]]
    [shown] = body["entries"]
    assert (shown["id"], shown["who"], shown["why"]) == (made["id"], "Li Hua", "seen on site")
    if kind == "bill":
        assert (shown["billed"], shown["metered"]) == (80_000, pytest.approx(IMPORTED, rel=1e-3))
    undone = clerk.enter("undo", entry=made["id"])
    assert clerk.figures() == before
    assert clerk.balance()["entries"] == []
    listed = {one["id"]: one["in_force"] for one in clerk.http.get("/api/v1/entries").json()["entries"]}
    assert (listed[made["id"]], listed[undone["id"]]) == (False, True)  # both stay
    assert clerk.readings() == raw


def test_a_month_is_closed_and_what_follows_restates_it(clerk: Clerk) -> None:
    lacking = clerk.enter("closing", 422, period=MONTH)
    assert lacking["faults"][0].startswith("period: ")
    made = clerk.enter("closing", period=MONTH, incomplete="yes")
    service = clerk.works.service()
    [closed] = closings(service.results, MONTH)
    assert (closed["entry"]["id"], closed["entry"]["who"]) == (made["id"], "Li Hua")
    assert closed["balance"]["totals"] == clerk.balance()["totals"]
    assert "nothing changed" in clerk.enter("closing", 422, period=MONTH, incomplete="yes")["faults"][0]
    clerk.enter("manual_reading", **ENTRIES["manual_reading"])
    assert closings(service.results, MONTH) == [closed]
    clerk.enter("closing", period=MONTH, incomplete="yes")
    assert [one["number"] for one in closings(service.results, MONTH)] == [1, 2]
    assert "not over" in clerk.enter("closing", 422, period="2026-11")["faults"][0]
    assert "write 2026-10" in clerk.enter("closing", 422, period="October")["faults"][0]
