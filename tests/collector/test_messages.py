"""JSON payloads: limits, pointers, exact numbers, and messages recognised by number, time or payload."""

import json
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.committer import committing
from collector.epochs import open_epoch
from collector.inbox import Inbox
from collector.messages import MAX_BYTES, MessageReader, RejectedError, parse, pointed
from collector.profile import PROFILES, load_profile
from collector.recognizer import QUEUED_MS, SKEW_MS, Arrival, Recognizer
from collector.wiring import Wire, _wires, wire_site
from metering.reading import Quality
from metering.site import MeteringPoint, Role
from metering.sitefile import load_site
from metering.store.readings import writing
from metering.store.readings_reader import ReadingsReader

NOW = 1_795_262_400_000


def wires(profile: str, topic: str, **point: object) -> list[Wire]:
    where = MeteringPoint("grid", Role.GRID, **point)  # type: ignore[arg-type]
    return [w for w in _wires(where, load_profile(profile)) if w.message is not None and w.message.topic == topic]


METER = MessageReader(wires("zcf-json-meter-mqtt", "{base}/meter"))
PAYLOAD = b'{"ts": 1790000000000, "seq": 17, "power_w": 1234.5, "import_kwh": 10000.125, "export_kwh": 0.0}'


def test_the_message_of_our_own_profile() -> None:
    message = METER.read(PAYLOAD)
    assert message.values == (1.2345, 10_000_125_000, 0)
    assert (message.time_ms, message.sequence, message.invalid) == (1_790_000_000_000, 17, ())
    assert json.loads(message.words) == ["1234.5", "10000.125", "0.0"]


def test_a_reversed_meter_is_turned_once() -> None:
    values = MessageReader(wires("zcf-json-meter-mqtt", "{base}/meter", reversed=True)).read(PAYLOAD).values
    assert values == (-1.2345, 10_000_125_000, 0)  # the columns are named export and import then


def test_a_shelly_status_leaves_out_what_it_has_not() -> None:
    reader = MessageReader(wires("shelly-pro-3em-mqtt", "{base}/status/emdata:0"))
    message = reader.read(b'{"id":0,"total_act":85309.68,"extra":{"deep":[1,2]}}')
    assert message.values == (85_309_680, None)  # Wh
    assert message.invalid == ((1, "/total_act_ret: not in the message"),)
    assert (message.time_ms, message.sequence) == (None, None)


def test_counters_are_exact_whatever_the_digits() -> None:
    text = '{"import_kwh": 123456789.123456500000000, "power_w": 0, "export_kwh": 1e-7}'
    assert METER.read(text.encode()).values[1:] == (123_456_789_123_456, 0)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"nonsense",
        b"{",
        b"[1, 2]x",
        b"17",
        b"null",
        b'{"power_w": NaN}',
        b'{"power_w": -Infinity}',
        b'{"power_w": 1, "power_w": 2}',
        b'{"other": 1}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 17 + b"1" + b"}" * 17,
        b" " * (MAX_BYTES + 1),
        b'{"power_w": 1e999999999}',
        b'{"power_w": ' + b"9" * 5000 + b"}",
    ],
)
def test_poison_is_rejected(payload: bytes) -> None:
    with pytest.raises(RejectedError):
        METER.read(payload)


@pytest.mark.parametrize("value", ['"12.5"', "true", "null", "[1]", "{}", "-1"])
def test_what_is_no_number_is_absent_and_the_rest_stays(value: str) -> None:
    message = METER.read(f'{{"power_w": 5, "import_kwh": {value}, "export_kwh": 2}}'.encode())
    assert message.values == (0.005, None, 2_000_000)
    assert [index for index, _ in message.invalid] == [1]


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(payload: bytes) -> None:
    with suppress(RejectedError):
        METER.read(payload)


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists))
def test_no_json_crashes_the_reader(value: object) -> None:
    with suppress(RejectedError):
        METER.read(json.dumps({"power_w": value, "ts": value, "seq": value}).encode())


def test_pointers_follow_the_standard() -> None:
    document = parse(b'{"foo": ["bar", 7], "a/b": 1, "m~n": 8, "": 0}')  # RFC 6901, section 5
    assert [pointed(document, p) for p in ("/foo/1", "/a~1b", "/m~0n", "/")] == ["7", "1", "8", "0"]
    assert Fraction(pointed(document, "/foo/1")) == 7


# --- recognising ------------------------------------------------------------------------------------------------------


def arrival(
    sequence: int | None = None,
    device_ms: int | None = None,
    *,
    at_ms: int = NOW,
    digest: int = 0,
    repeated: bool = False,
    queued: bool = False,
) -> Arrival:
    return Arrival(at_ms, device_ms, sequence, digest, repeated, queued)


def test_a_hole_in_the_numbers_is_counted_once() -> None:
    one = Recognizer()
    assert [one.identify(arrival(n)).missing for n in (40, 41, 45, 46)] == [0, 0, 3, 0]
    assert one.expected == 47


def test_after_a_restart_the_hole_goes_on_from_the_last_number() -> None:
    assert Recognizer(expected=47).identify(arrival(50)).missing == 3


def test_a_rejected_message_explains_its_own_hole() -> None:
    one = Recognizer()
    one.identify(arrival(1))
    one.rejected()
    assert one.identify(arrival(4)).missing == 1


def test_b7_a_redelivered_message_is_known_by_its_number() -> None:
    one = Recognizer()
    assert one.identify(arrival(5)) is not None
    assert one.identify(arrival(5, repeated=True)) is None
    assert one.identify(arrival(5)) is None


def test_a_redelivery_across_a_restart_is_known() -> None:
    assert Recognizer(expected=6).identify(arrival(5, repeated=True)) is None


def test_b7_a_late_message_fills_in_and_a_device_that_begins_anew_is_followed() -> None:
    one = Recognizer()
    for number in (1000, 1002):
        one.identify(arrival(number))
    assert one.identify(arrival(1001)) is not None
    assert one.expected == 1003
    assert one.identify(arrival(1)).missing == 0  # rebooted
    assert one.identify(arrival(2)).missing == 0
    assert one.expected == 3


def test_without_a_number_the_device_s_time_tells() -> None:
    one = Recognizer()
    assert one.identify(arrival(device_ms=NOW - 5)).time_ms == NOW - 5
    assert one.identify(arrival(device_ms=NOW - 5, repeated=True)) is None
    assert one.identify(arrival(device_ms=NOW - 9)).time_ms == NOW - 9  # out of order, kept at its own time


def test_without_both_a_flagged_equal_payload_is_a_repetition_and_an_unflagged_one_is_not() -> None:
    one = Recognizer()
    assert one.identify(arrival(digest=7)) is not None
    assert one.identify(arrival(digest=7, repeated=True)) is None
    assert one.identify(arrival(digest=7)).time_ms == NOW + 1  # times of arrival rise


def test_b7_what_a_device_without_both_said_is_known_again_across_a_restart(tmp_path: Path) -> None:
    """Killed between the commit and its acknowledgement, it is sent all of it once more."""
    (tmp_path / "profiles").mkdir()
    profile = next(PROFILES.rglob("zcf-json-meter-mqtt.yaml")).read_text()
    bare = profile.replace('time: "/ts", sequence: "/seq", ', "")
    (tmp_path / "profiles" / "bare.yaml").write_text(bare.replace("zcf-json-meter-mqtt", "bare"))
    (tmp_path / "site.yaml").write_text(
        "site: {id: works, timezone: Asia/Shanghai}\nlinks: [{id: broker, type: mqtt, port: 1883}]\n"
        "devices: [{id: meter, profile: bare, link: broker, base: works/meter}]\n"
        "points: [{id: grid, role: grid, device: meter}]\n"
    )
    [link] = wire_site(load_site(tmp_path / "site.yaml"))
    [wired] = link.devices[0].groups
    said = [b'{"power_w": %d, "import_kwh": %d, "export_kwh": 0}' % (n, n) for n in (1, 2, 3)]
    told: list[int] = []
    for again in (False, True):
        with writing(tmp_path / "store", "test") as writer, committing(writer, 0.01) as committer:
            epoch = open_epoch(writer, [wired], NOW)
            number = epoch.numbers[wired.group]
            inbox = Inbox(
                wired, number, epoch.id, committer, 0, epoch.newest_ms.get(number, 0), epoch.said.get(number, ())
            )
            for payload in said:
                inbox.take(payload, NOW, lambda: told.append(1), repeated=again, queued=again)
            fresh = said[0].replace(b"1", b"7" if again else b"6")
            inbox.take(fresh, NOW, lambda: None, repeated=again, queued=again)
    assert len(told) == 2 * len(said)  # each is acknowledged, also the second time
    assert len(ReadingsReader(tmp_path / "store").polls_since(0, 100)) == len(said) + 2


@pytest.mark.parametrize(
    ("behind", "queued", "believed"),
    [
        (0, False, True),
        (SKEW_MS + 1, False, False),
        (SKEW_MS + 1, True, True),
        (QUEUED_MS + 1, True, False),
        (-SKEW_MS - 1, True, False),
    ],
)
def test_c7_a_clock_too_far_off_is_not_believed(behind: int, queued: bool, believed: bool) -> None:
    identity = Recognizer().identify(arrival(device_ms=NOW - behind, queued=queued))
    assert identity.time_ms == (NOW - behind if believed else NOW)
    assert identity.quality is (Quality.GOOD if believed else Quality.QUESTIONABLE)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80))
def test_whatever_arrives_each_number_is_one_reading_and_times_differ(numbers: list[int]) -> None:
    one = Recognizer()
    found = [one.identify(arrival(n, NOW + 1000 * n)) for n in numbers]
    kept = [i for i in found if i is not None]
    assert sorted(i.tick for i in kept) == sorted(set(numbers))
    assert len({i.time_ms for i in kept}) == len(kept)


def test_profiles_with_messages_compile() -> None:
    for path in PROFILES.rglob("*mqtt.yaml"):
        profile = load_profile(path.stem)
        assert MessageReader(_wires(MeteringPoint("p", Role.LOAD), profile))
