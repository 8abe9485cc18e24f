"""Devices that publish: their messages, their numbers, and a round trip through the embedded broker."""

import asyncio
import gc
import json
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collector.points import MqttPoint
from collector.profile import load_profile
from simulators.config import DeviceSection, PlantFile
from simulators.device import Moments, Source
from simulators.messages import printed
from simulators.mqtt import BrokerLink, Talker, sequence
from simulators.plant import Plant
from simulators.truth import TruthLog, read_lines
from tests.harness.ports import free_port

NOW = 1_795_230_000_000


def talker(plant_file: PlantFile, plant: Plant, name: str, **changes: object) -> Talker:
    section: DeviceSection = next(d for d in plant_file.devices if d.id == name).model_copy(update=changes)
    profile = load_profile(section.profile)
    return Talker(section, profile, Source(section, profile, Moments(plant)))


def test_a_line_counter_says_when_how_many_and_which_recipe(plant_file: PlantFile, plant: Plant) -> None:
    [(topic, number, payload)] = talker(plant_file, plant, "n_line_2_lts").spoken(NOW)
    boards = int(plant.at(NOW).counter("line_2_lts", "product_count")[0]) // 10**6
    assert topic == "works/smt/line2/lts/state"
    assert number == NOW // 5000
    assert json.loads(payload) == {"ts": NOW, "seq": NOW // 5000, "count": boards, "recipe": "lts"}


def test_a_shelly_tells_power_and_energy_apart(plant_file: PlantFile, plant: Plant) -> None:
    spoken = {t: json.loads(p) for t, _, p in talker(plant_file, plant, "s_office").spoken(NOW)}
    assert list(spoken) == ["shelly/office/status/em:0", "shelly/office/status/emdata:0"]
    watts = plant.at(NOW).gauge("office", "active_power")[0] * 1000
    kwh = plant.at(NOW).counter("office", "active_energy_import")[0] / 1e6
    assert abs(spoken["shelly/office/status/em:0"]["total_act_power"] - watts) < 1e-3
    assert 0 <= kwh * 1000 - spoken["shelly/office/status/emdata:0"]["total_act"] < 0.011


def test_counters_are_cut_and_gauges_rounded() -> None:
    common = {"topic": "{base}/x", "pointer": "/v", "class": "energy", "source": "test", "status": "confirmed"}
    energy = MqttPoint(quantity="active_energy_import", unit="Wh", decimals=2, **common)
    power = MqttPoint(quantity="active_power", unit="W", decimals=1, sign=-1, **common)
    assert printed(energy, 1_234_567_899) == 1234567.89  # never more than was counted
    assert printed(power, 1.23456) == -1234.6


def test_numbers_go_on_rising_after_a_restart(plant_file: PlantFile, plant: Plant) -> None:
    section = talker(plant_file, plant, "n_tested").section
    before, after = sequence(section, NOW), sequence(section, NOW + 600_000)
    assert after - before == 600_000 // section.every


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_published_is_logged_first_and_arrives(plant_file: PlantFile, plant: Plant, tmp_path: Path) -> None:
    """In a loop of its own, and swept up here: amqtt 0.12 may leave open what ends while it shuts down."""
    asyncio.run(published(plant_file, plant, tmp_path))
    gc.collect()


async def published(plant_file: PlantFile, plant: Plant, tmp_path: Path) -> None:
    log = TruthLog(tmp_path / "broker.jsonl")
    talkers = [talker(plant_file, plant, name, every=100) for name in ("s_forklifts", "n_line_1")]
    link = BrokerLink("broker", talkers, log)
    port = await link.start("127.0.0.1", free_port())
    heard: list[tuple[str, bytes, list[str]]] = []
    listener = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener")
    listener.on_connect = lambda client, *_: client.subscribe("#", qos=1)
    listener.on_message = lambda _c, _u, m: heard.append((m.topic, m.payload, logged(tmp_path)))
    listener.connect_async("127.0.0.1", port)
    listener.loop_start()
    try:
        async with asyncio.timeout(90):
            while len(heard) < 12:
                await asyncio.sleep(0.05)
    finally:
        listener.disconnect()
        await asyncio.to_thread(listener.loop_stop)
        await link.stop()
        log.close()
    lines = [(line["topic"], line["payload"].encode()) for line in read_lines(tmp_path / "broker.jsonl")]
    for topic, payload, before in heard:
        assert (topic, payload) in lines
        assert payload.decode() in before
    numbers = [line["seq"] for line in read_lines(tmp_path / "broker.jsonl") if line["device"] == "n_line_1"]
    assert numbers == sorted(set(numbers))


def logged(folder: Path) -> list[str]:
    return [line["payload"] for line in read_lines(folder / "broker.jsonl")]
