"""The meter tree: who is whose child, what crosses the boundary, and every way in which a tree can be wrong."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from metering.site import BOUNDARY_ROLES, MeteringPoint, Role, Site, tree_faults


def point(name: str, role: Role = Role.LOAD, parent: str | None = None, **more) -> MeteringPoint:
    return MeteringPoint(name, role, parent=parent, device=more.pop("device", f"m_{name}"), **more)


def site(*points: MeteringPoint) -> Site:
    return Site("s", "厂", "Works", "Asia/Shanghai", "CN", "east", "AH", 1, points)


GRID, SMT, OVEN = point("grid", Role.GRID), point("smt", parent="grid"), point("oven", parent="smt")
WORKS = (GRID, SMT, OVEN, point("pv", Role.GENERATION), point("gas", Role.FUEL, carrier="natural_gas"))


def faults(*points: MeteringPoint) -> list[str]:
    return [message for _, message, _ in tree_faults(points)]


def test_children_and_boundary():
    works = site(*WORKS, point("weather", Role.AMBIENT), point("inverter", Role.GENERATION, "pv"))
    assert works.children("grid") == (SMT,)
    assert [p.id for p in works.boundary()] == ["grid", "pv", "gas"]
    assert [p.id for p in works.of_role(Role.GENERATION)] == ["pv", "inverter"]
    assert works.point("oven") is OVEN
    assert works.zone.key == "Asia/Shanghai"


def test_a_point_that_is_not_there_is_a_key_error():
    import pytest

    with pytest.raises(KeyError):
        site(*WORKS).point("nowhere")


def test_names_in_the_readers_language_else_the_other_else_the_id():
    both, one, none = point("a", name_zh="电", name_en="el"), point("b", name_zh="电"), point("c")
    assert [both.name("zh-CN"), both.name("en"), one.name("en"), none.name("zh")] == ["电", "el", "电", "c"]
    assert [site().name("zh"), site().name("de")] == ["厂", "Works"]


def test_a_sound_tree_has_no_faults():
    assert faults(*WORKS) == []


def test_a_virtual_point_needs_no_device_below_another():
    assert faults(GRID, point("rest", parent="grid", device=None)) == []


def test_every_way_to_be_wrong_is_told_with_its_point_and_its_mend():
    found = list(tree_faults((
        GRID, point("grid", Role.GRID), point("a", parent="nowhere"), point("b", parent="grid", carrier="natural_gas"),
        point("c"), point("d", Role.FUEL, device=None), point("x", parent="y"), point("y", parent="z"),
        point("z", parent="x"), point("self", parent="self"),
    )))  # fmt: skip
    assert [(name, message) for name, message, _ in found] == [
        ("grid", "metering point 'grid' is declared 2 times"),
        ("a", "parent 'nowhere' is not a metering point"),
        ("b", "carrier 'natural_gas' differs from its parent's 'electricity'"),
        ("c", "a load needs a parent"),
        ("d", "a point on the boundary needs a device"),
        ("x", "metering point 'x' is its own ancestor"),
        ("y", "metering point 'y' is its own ancestor"),
        ("z", "metering point 'z' is its own ancestor"),
        ("self", "metering point 'self' is its own ancestor"),
    ]
    assert all(mend for _, _, mend in found)


def test_a_child_of_a_circle_is_not_blamed_for_it():
    assert faults(point("x", parent="y"), point("y", parent="x"), point("child", parent="x")) == [
        "metering point 'x' is its own ancestor", "metering point 'y' is its own ancestor",
    ]  # fmt: skip


@given(st.lists(st.integers(-1, 14), min_size=1, max_size=15))
def test_exactly_the_points_on_circles_are_found(parents):
    """Point n's parent is parents[n], or none; walking up as many steps as there are points, one returns or not."""
    points = [point(str(n), Role.GRID, str(p) if 0 <= p < len(parents) else None) for n, p in enumerate(parents)]
    wanted = set()
    for n in range(len(parents)):
        here = n
        for _ in parents:
            here = parents[here] if 0 <= here < len(parents) and 0 <= parents[here] < len(parents) else -1
            if here in (n, -1):
                break
        if here == n:
            wanted.add(str(n))
    assert {name for name, message, _ in tree_faults(tuple(points)) if "ancestor" in message} == wanted


def test_what_crosses_the_boundary_and_what_never_does():
    assert {Role.GRID, Role.GENERATION, Role.STORAGE, Role.FUEL, Role.HEAT} == BOUNDARY_ROLES
    assert point("p").ct_ratio == Fraction(1)
