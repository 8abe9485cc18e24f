"""Evidence, targets, measures and standards of a site file are checked at once; every fault has its line."""

from pathlib import Path

import pytest

from analytics.declarations import check_declared
from metering.config import ConfigError
from metering.sitefile import load_site
from tests.analytics.month_works import SITE

EXAMPLE = Path(__file__).parents[2] / "deploy" / "example"
WRONG = """standards: [re100, re_hundred]
evidence:
  - {key: compliance_three_years, value: true, document: d}
targets:
  - {base_year: 2024, base_t: 10, year: 2020, target_t: 5}
measures:
  - {id: a, effect: electricity, saving: 5, excludes: [z], boundary: moon}
  - {id: a, effect: evidence, provides: nothing_asked}
  - {id: b, effect: other, unit: m³, saving: 5, moves: {luck: 1}}
"""


@pytest.mark.parametrize("name", ["site.yaml", "steel.yaml"])
def test_the_shipped_examples_declare_nothing_wrong(name: str) -> None:
    check_declared(load_site(EXAMPLE / name))


def test_every_fault_is_found_at_once_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.lstrip() + WRONG, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        check_declared(load_site(path))
    said = [str(fault) for fault in caught.value.faults]
    first = len(SITE.lstrip().splitlines())
    for line, word in [
        (1, "'re_hundred'"), (3, "valid_from"), (5, "after the base year"), (7, "'z'"), (7, "'moon'"),
        (8, "declared twice"), (8, "'nothing_asked'"), (9, "'luck'"),
    ]:  # fmt: skip
        assert any(f":{first + line}: " in one and word in one for one in said), (line, word, said)
    assert len(said) == 8
