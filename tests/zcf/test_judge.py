"""The judge finds nothing in an honest store, and every single falsification in a doctored one."""

import sqlite3
import struct
from pathlib import Path

from metering.reading import MICRO
from tests.zcf.works import QUARTER, SECONDS, START, Works, rising
from zcf.judge import judge

ENERGY = "SELECT id FROM poll_group WHERE definition LIKE '%m_grid%' AND definition LIKE '%\"name\":\"energy\"%'"
SOME_POLL = f"SELECT seq FROM poll WHERE grp=({ENERGY}) AND lane=0 ORDER BY time_ms LIMIT 1 OFFSET 5"


def test_an_honest_store_has_no_fault(works: Works):
    found = judge(works.folder).body()
    assert found["faults"] == []
    assert found["counters"] == 2
    assert found["energy"]["max_error_steps"] == 0
    assert (found["energy"]["live"]["counters"], found["energy"]["history"]["counters"]) == (2, 2)
    assert found["energy"]["open_items"] == 0


def test_due_ticks_are_counted_by_hand(works: Works):
    # power and energy of two devices each minute for twenty minutes, energy once more at the one quarter-hour between
    assert judge(works.folder).ticks.body() == {
        "due": 2 * (20 + 20 + 1), "read": 2 * (20 + 20 + 1), "gap": 0, "reasons": {}, "open_epochs": 0,
    }  # fmt: skip


def test_without_a_past_everything_is_live(tmp_path: Path):
    found = judge(Works(tmp_path).run(history=False).folder).body()
    assert found["faults"] == []
    assert (found["energy"]["live"]["counters"], found["energy"]["history"]["counters"]) == (2, 0)


def test_a_value_altered_by_one_step_is_seen(works: Works):
    [packed] = works_value(works)
    (value,) = struct.unpack("<q", packed)
    works.doctor(f"UPDATE poll SET vals=? WHERE seq=({SOME_POLL})", struct.pack("<q", value + 10_000))
    found = judge(works.folder).body()
    assert found["energy"]["readings"]["altered"] == 1
    assert found["faults"]


def test_a_last_value_altered_by_one_step_is_seen_in_the_energy(works: Works):
    last = SOME_POLL.replace("ORDER BY time_ms", "ORDER BY time_ms DESC").replace(" OFFSET 5", "")
    [packed] = works_value(works, last)
    (value,) = struct.unpack("<q", packed)
    step = 1_000  # a float32 of 123 456 kWh changes by 1/128 kWh
    works.doctor(f"UPDATE poll SET vals=? WHERE seq=({last})", struct.pack("<q", value + 7_812 + step))
    works.settle()
    assert judge(works.folder).energies.live.max_error_steps > 1


def works_value(works: Works, which: str = SOME_POLL) -> tuple[bytes]:
    db = sqlite3.connect(works.config.store_dir / "readings" / "readings.db")
    row = db.execute(f"SELECT vals FROM poll WHERE seq=({which})").fetchone()
    db.close()
    return row


def test_a_reading_taken_out_is_seen(works: Works):
    works.doctor(f"DELETE FROM poll WHERE seq=({SOME_POLL})")
    found = judge(works.folder).body()
    assert found["ticks"]["due"] == found["ticks"]["read"] + found["ticks"]["gap"] + 1
    assert "due polls are not accounted for" in found["faults"]


def test_a_reading_stored_again_at_another_time_is_seen(works: Works):
    works.doctor(
        "INSERT INTO poll(time_ms,grp,epoch,tick,lane,vals,words) SELECT time_ms+1,grp,epoch,tick,lane,vals,words"
        f" FROM poll WHERE seq=({SOME_POLL})"
    )
    found = judge(works.folder).body()
    assert found["energy"]["readings"]["invented"] == 1
    assert "due polls are not accounted for" in found["faults"]


def test_a_reading_that_no_device_gave_is_seen(works: Works):
    one = (START + 5 * 60_000 + 17, "m_load")
    works.rewrite_log(lambda line: None if (line["t"], line["device"]) == one else line)
    found = judge(works.folder).body()
    assert found["energy"]["readings"]["invented"] == 2  # its power and its energy
    assert "readings were stored that no device gave" in found["faults"]


def test_a_reading_made_of_a_foreign_answer_is_seen(works: Works):
    works.rewrite_log(lambda line: {**line, "fault": "wrong_unit"} if line["t"] == START + 17 else line)
    assert judge(works.folder).body()["energy"]["readings"]["invented"] == 4


def test_a_tick_more_than_there_was_is_seen(works: Works):
    works.doctor("UPDATE epoch SET stop_ms=stop_ms+60000")
    assert not judge(works.folder).ticks.right


def test_an_epoch_nobody_closed_is_seen(works: Works):
    works.doctor("UPDATE epoch SET stop_ms=NULL")
    assert judge(works.folder).ticks.body()["open_epochs"] == 1


def test_a_past_that_was_altered_is_seen(works: Works):
    first = SOME_POLL.replace("lane=0", "lane=3").replace(" OFFSET 5", "")
    [packed] = works_value(works, first)
    (value,) = struct.unpack("<q", packed)
    works.doctor(f"UPDATE poll SET vals=? WHERE seq=({first})", struct.pack("<q", value - 10**6))
    works.settle()
    found = judge(works.folder)
    assert found.energies.history.max_error_steps > 100
    assert found.energies.live.max_error_steps == 0


def test_energy_that_the_results_lost_is_seen(works: Works):
    db = sqlite3.connect(works.config.store_dir / "results" / "results.db")
    with db:
        db.execute("UPDATE interval SET energy=energy-7813 WHERE start_ms=?", (QUARTER,))
    db.close()
    assert round(judge(works.folder).energies.live.max_error_steps, 2) >= 0.78


def swapped(point: str, time_ms: int) -> int:
    """The line's meter is exchanged in the middle for one that starts at 5 kWh."""
    if point == "line" and time_ms >= START + SECONDS * 500:
        return 5 * MICRO + rising(point, time_ms) - rising(point, START + SECONDS * 500)
    return rising(point, time_ms)


def declare_fault(folder: Path, kind: str) -> None:
    plant = """
seed: 1
place: {latitude: 31, longitude: 117, utc_offset: 8h}
anchor: 2026-01-01
start_ms: %d
calendar: {shifts: ["08:00-16:00"]}
nodes: [{id: g, kind: grid, rating: 100}]
links: [{id: hall, type: tcp, port: 5020}]
devices:
  - {id: m_grid, profile: eastron-sdm630, link: hall, unit: 1, node: g}
  - {id: m_load, profile: acrel-dtsd1352, link: hall, unit: 2, node: g}
"""
    (folder / "plant.yaml").write_text((plant % START).lstrip())
    (folder / "faults.yaml").write_text(f"faults: [{{target: m_load, fault: {kind}, from: {SECONDS // 2}s}}]\n")


def test_an_exchange_made_on_purpose_splits_the_energy(tmp_path: Path):
    works = Works(tmp_path, swapped).run()
    declare_fault(tmp_path, "swap")
    found = judge(works.folder).body()
    assert found["energy"]["max_error_steps"] == 0
    assert found["energy"]["open_items"] == 1
    assert found["faults"] == []


def test_an_open_item_that_nothing_explains_is_seen(tmp_path: Path):
    works = Works(tmp_path, swapped).run()
    found = judge(works.folder).body()
    assert "open items without a cause" in found["faults"]
    assert "registers that jumped without an open item" in found["faults"]


def test_gaps_need_a_cause(works: Works):
    works.doctor(
        "INSERT INTO gap(grp,epoch,lane,first_tick,ticks,start_ms,end_ms,reason,detail)"
        f" SELECT grp,epoch,lane,tick,1,time_ms,time_ms+60000,'timeout','' FROM poll WHERE seq=({SOME_POLL})"
    )
    works.doctor(f"DELETE FROM poll WHERE seq=({SOME_POLL})")
    found = judge(works.folder)
    assert found.ticks.right
    assert found.uncaused == {"timeout": 1}
    assert not judge(works.folder, outages=[(START, START + SECONDS * 1000)]).uncaused
