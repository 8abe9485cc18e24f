"""Meters of the simulated plant connected wrongly, read by the collector's own decoders: named, mended by entries."""

from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from analytics.entering import corrected
from analytics.flows import flows
from analytics.settlement import Books, bring_up_to_date, is_settled
from analytics.site_times import calendar_of
from analytics.site_tree import tree_of
from collector.wiring import wire_site
from metering.sitefile import load_site
from metering.store.readings import writing
from metering.store.results import ResultsReader, ResultsWriter
from metering.store.source import StoreSource
from simulators.config import PlantFile, load_plant
from simulators.faultfile import load_faults
from simulators.history import history, tracks
from zcf.__main__ import app
from zcf.commands import answers

EXAMPLE = Path(__file__).parents[2] / "deploy/example"
NODES = {"grid", "assembly", "wave_soldering", "conveyors", "assembly_ventilation",
         "air", "compressor_1", "compressor_2", "compressor_3", "pv_2", "inverter_2a", "inverter_2b"}  # fmt: skip
START = 1_792_684_800_000  # midnight of 23 October 2026 in Shanghai, a Friday
DAYS = 2
END = START + DAYS * 86_400_000
SPAN = "2026-10-23..2026-10-24"
BY = {"from": "2026-10-20T00:00", "to": "2026-11-20T00:00"}


@cache
def plant() -> PlantFile:
    """The example's plant."""
    return load_plant(EXAMPLE / "plant.yaml")


@cache
def site_text() -> str:
    """The example's assembly hall, compressor room and second roof below its grid meter."""
    yaml = YAML(typ="rt")
    document: Any = yaml.load((EXAMPLE / "site.yaml").read_text(encoding="utf-8"))
    document["points"] = [point for point in document["points"] if point["id"] in NODES]
    kept = {point["device"] for point in document["points"]}
    document["devices"] = [device for device in document["devices"] if device["id"] in kept]
    for name in ("measures", "evidence", "targets"):
        del document[name]
    out = StringIO()
    yaml.dump(document, out)
    return out.getvalue()


class Works:
    """Two days of that plant in a store, read every quarter-hour."""

    def __init__(self, folder: Path, faults: str) -> None:
        self.path = folder / "site.yaml"
        self.path.write_text(site_text(), encoding="utf-8")
        self.config = load_site(self.path)
        (folder / "faults.yaml").write_text(faults, encoding="utf-8")
        made = load_faults(folder / "faults.yaml", plant())
        groups = [one for one in tracks(plant(), wire_site(self.config)) if one.group.group.name == "energy"]
        with writing(self.config.store_dir, "test") as writer:
            numbers = [writer.group(one.group.group) for one in groups]
            for one in groups:
                writer.declare(one.group.infos(START, "history"))
            for rows in history(plant(), groups, START, END + 1, made, fine_ms=0):
                writer.append_history((row.time_ms, numbers[row.group], row.values, row.words) for row in rows)

    def settle(self) -> "Works":
        """The results, from what is read and entered now."""
        writer = ResultsWriter(self.config.store_dir, "test")
        source, results = StoreSource(self.config.store_dir), ResultsReader(self.config.store_dir)
        bring_up_to_date(source, results, writer, END + 60_000, calendar_of(self.config))
        writer.close()
        return self

    def tree(self, _period: str) -> dict[str, Any]:
        """The meter tree of those days, as the service tells it."""
        source = StoreSource(self.config.store_dir)
        books = Books(source, ResultsReader(self.config.store_dir), calendar_of(self.config))
        series = books.intervals([key for key in source.series() if is_settled(key)], START, END)
        counted = {key: one for key, one in series.items() if key[1].startswith("active_energy") and len(one)}
        head = {"site": self.config.site.id, "period": {"label": SPAN}}
        return {**head, **tree_of(self.config, flows(self.config.site, counted, START, END))}

    def suspects(self) -> dict[str, str]:
        """Whom the reconciliation names, and what for."""
        return {one["point"]: one["fault"] for one in self.tree(SPAN)["fit"]["suspects"]}

    def correct(self, kind: str, **words: str) -> None:
        """An entry, as the API and `zcf correct` take it."""
        corrected(self.config, END, kind, {**words, **BY}, ("Wang", "opened the cabinet"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ZCF_STORE", raising=False)
    return tmp_path


def test_a_ct_a_tenth_wrong_and_a_reversed_meter_are_both_named_and_mended_by_entries(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = Works(folder, (EXAMPLE / "wrong-meters.yaml").read_text(encoding="utf-8")).settle()
    assert works.suspects() == {"wave_soldering": "factor", "compressor_2": "reversed"}
    monkeypatch.setattr(answers, "_service", lambda _: works)
    said = CliRunner().invoke(app, ["tree", str(works.path), "--period", SPAN]).output
    assert "check this meter: wave_soldering" in said
    assert "check this meter: compressor_2" in said
    assert "its main equipment: 8 of 8" in said  # GB 17167
    works.correct("multiplier", point="wave_soldering", factor="10/11")
    works.correct("direction", point="compressor_2")
    assert works.settle().suspects() == {}


def test_a_roof_s_meter_the_wrong_way_round_is_named_though_it_hardly_counts(folder: Path) -> None:
    """Its export register holds what the inverters take by night, its import register what they make."""
    faults = "faults:\n  - {target: m_pv_2, fault: reversed}\n"
    assert Works(folder, faults).settle().suspects() == {"pv_2": "reversed"}
