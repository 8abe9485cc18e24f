"""docs/SUPPORTED.md says what the profiles say."""

from collector.profile import all_profiles
from collector.supported import PAGE, page


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(all_profiles()), "run: python -m collector.supported"


def test_every_profile_has_its_row_with_its_proof() -> None:
    rows = PAGE.read_text(encoding="utf-8").splitlines()
    for profile in all_profiles():
        (row,) = [line for line in rows if f"`{profile.id}`" in line.split(" | ")[0]]
        assert row.count(" | ") == 5
        assert profile.proof.evidence in row
