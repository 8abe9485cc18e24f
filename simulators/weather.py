"""The weather over the works for one local day on a grid of minutes: a pure function of (seed, time)."""

from dataclasses import dataclass

import numpy as np

from simulators.shapes import DAY_S, Floats, Ints, clear_sky, noise, sun, uniform, window
from simulators.works import Node, Place

STEP_S = 60
POINTS = DAY_S // STEP_S + 1  # the last point is the next midnight


@dataclass(frozen=True, slots=True)
class Grid:
    """The minutes of one local day, both midnights included."""

    seed: int
    day: int
    time_s: Ints  # [s UTC]
    second: Floats  # of the local day [s]


@dataclass(frozen=True, slots=True)
class Weather:
    """What the sky does on the grid."""

    temperature: Floats  # [°C]
    ghi: Floats  # [W/m²]
    diffuse: Floats  # [W/m²] on the level
    height: Floats  # sine of the sun's height
    azimuth: Floats  # of the sun, from south [rad]
    wind: Floats  # [m/s]
    direction: Floats  # [°]
    humidity: Floats  # [%]
    pressure: Floats  # [hPa]


def grid(seed: int, place: Place, day: int) -> Grid:
    """The minutes of a local day [days since 1970]."""
    second = np.arange(POINTS, dtype=np.int64) * STEP_S
    return Grid(seed, day, day * DAY_S - place.utc_offset_s + second, second.astype(np.float64))


def weather(g: Grid, place: Place) -> Weather:
    """The weather of one day; the climate is that of the lower Yangtze (warm June rain, cold clear winter)."""
    height, azimuth = sun(place.latitude, place.longitude, g.time_s)
    cover = _cover(g)
    ghi = clear_sky(height) * (1 - 0.72 * cover**1.6)
    diffuse = ghi * np.clip(0.16 + 0.9 * cover, 0.0, 1.0)
    gust = 0.7 * noise(g.seed, "gust", g.time_s, 120)
    wind = np.maximum(0.2, 2.4 + 1.6 * noise(g.seed, "wind", g.time_s, 7200) + gust)
    temperature = _temperature(g, cover)
    damp = 6 * noise(g.seed, "damp", g.time_s, 9000)
    humidity = np.clip(68 + 25 * (cover - 0.4) - 1.1 * (temperature - _season(g)) + damp, 15, 100)
    direction = (120 + 100 * noise(g.seed, "veer", g.time_s, 14400)) % 360
    pressure = 1016 - 0.45 * (_season(g) - 16) + 6 * noise(g.seed, "pressure", g.time_s, 3 * DAY_S)
    return Weather(temperature, ghi, diffuse, height, azimuth, wind, direction, humidity, pressure)


def _season(g: Grid) -> float:
    """Mean temperature of the season [°C]; Hefei, coldest about 20 January."""
    return float(16.4 - 12.6 * np.cos(2 * np.pi * ((g.day % 365.2425) - 19.0) / 365.2425))


def _cover(g: Grid) -> Floats:
    """Share of the sky behind clouds; broken clouds pass in minutes."""
    rain = 0.18 * float(window(np.array([g.day % 365.2425]), 160, 195, 10)[0])  # the plum rains of June and July
    mood = float(uniform(g.seed, "sky", np.array([g.day]))[0]) ** 0.55 * 1.12 + rain
    slow = mood + 0.22 * noise(g.seed, "cover", g.time_s, 5400)
    broken = 0.55 * np.clip(1 - np.abs(slow - 0.5) * 2, 0, 1) * noise(g.seed, "cloud", g.time_s, 420)
    cover: Floats = np.clip(slow + broken, 0.0, 1.0)
    return cover


def _temperature(g: Grid, cover: Floats) -> Floats:
    swing = 5.2 - 2.4 * float(cover.mean())
    daily = swing * np.cos(2 * np.pi * (g.second - 15 * 3600) / DAY_S)
    front = 4.2 * noise(g.seed, "front", g.time_s, 4 * DAY_S)
    temperature: Floats = _season(g) + daily + front + 0.3 * noise(g.seed, "air", g.time_s, 900)
    return temperature


def on_module(w: Weather, node: Node) -> Floats:
    """Irradiance in the plane of a field of modules [W/m²], beam and isotropic sky (Liu & Jordan 1963)."""
    tilt, azimuth = np.radians(node.tilt), np.radians(node.azimuth)
    level = np.sqrt(np.clip(1 - w.height**2, 0, 1))
    facing = np.sin(tilt) * level * np.cos(w.azimuth - azimuth) + np.cos(tilt) * w.height
    beam = (w.ghi - w.diffuse) * np.clip(facing / np.maximum(w.height, 0.06), 0.0, 3.0)
    poa: Floats = beam + w.diffuse * (1 + np.cos(tilt)) / 2
    return poa


def module_temperature(w: Weather, poa: Floats) -> Floats:
    """Temperature of the modules [°C] (Ross 1976, roof with air behind, less in wind)."""
    hot: Floats = w.temperature + poa * (0.031 - 0.0022 * np.minimum(w.wind, 6))
    return hot
