"""The example works, once for all tests that only look at it."""

from pathlib import Path

import numpy as np
import pytest

from simulators.config import PlantFile, load_plant
from simulators.plant import Plant
from simulators.works import Works

EXAMPLE = Path(__file__).parents[2] / "deploy/example/plant.yaml"


@pytest.fixture(scope="session")
def plant_file() -> PlantFile:
    return load_plant(EXAMPLE)


@pytest.fixture(scope="session")
def works(plant_file: PlantFile) -> Works:
    return plant_file.freeze()


@pytest.fixture(scope="session")
def plant(works: Works) -> Plant:
    return Plant(works)


@pytest.fixture(scope="session")
def midnight_ms(works: Works) -> int:
    return (works.anchor * 86_400 - works.place.utc_offset_s) * 1000


@pytest.fixture
def some_times(midnight_ms: int) -> np.ndarray:
    """Times in the first sixteen days: seconds, not round ones, weekends and midnights among them."""
    rng = np.random.default_rng(7)
    seconds = np.concatenate([rng.integers(0, 16 * 86_400, 300), [0, 59, 60, 86_399, 86_400, 3 * 86_400]])
    return np.sort(seconds) * 1000 + midnight_ms
