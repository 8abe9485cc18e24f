"""zcf bench store: every alternative answers the same, a difference is an error; nothing is asserted about speed."""

import numpy as np
import pytest

from zcf.bench import store
from zcf.bench.made_up import COUNTERS, Plan
from zcf.bench.stores import STORES, run

PLAN = {"devices": 2, "month": 20, "first": 0, "count": 20}


@pytest.fixture(scope="module")
def found():
    return store.run(devices=2, days=1, batches=3, rounds=2)


@pytest.mark.long
def test_a_small_comparison_holds_every_figure(found):
    assert (found["series"], found["rounds"]) == (20, 2)
    assert set(found["bytes_per_sample"]) == set(store.ALL)
    for task, names in store.TASKS.items():
        assert set(found[task]) == set(names)
        for row in found[task].values():
            assert row["values_per_s"] > 0
            assert row["rss_mb"] > 0
        assert found[task]["zcf readings"]["time_ratio_to_ours"] == 1


@pytest.mark.long
def test_it_is_shown_as_tables_and_as_json(found, capsys):
    store.show(found, as_json=True)
    assert capsys.readouterr().out.startswith('{"devices": 2')
    store.show(found, as_json=False)
    assert "rows by series" in capsys.readouterr().out


def test_the_stores_answer_with_the_readings_that_were_written(tmp_path):
    plan = Plan(2, 20)
    for name, one in STORES.items():
        one.fill(plan, tmp_path)
        assert np.array_equal(one.wide(plan, tmp_path, 0, 20), plan.values(0, 20)), name
        assert np.array_equal(one.wide(plan, tmp_path, 5, 3), plan.values(5, 3)), name
    for name in store.LIVE:
        run(name, "write", {**PLAN, "folder": str(tmp_path), "first": 20, "count": 4})
        assert np.array_equal(STORES[name].wide(plan, tmp_path, 0, 24), plan.values(0, 24)), name
        assert np.array_equal(STORES[name].last(plan, tmp_path), plan.values(23, 1)[0]), name


def test_a_store_that_answers_differently_is_an_error():
    answers = {"wide": {"a": [{"digest": "1"}], "b": [{"digest": "2"}]}, "last": {}}
    with pytest.raises(RuntimeError, match="'wide' of round 1"):
        store._check(answers, {})
    with pytest.raises(RuntimeError, match="after writing live"):
        store._check({"wide": {}, "last": {}}, {"a": {"digest": "1"}, "b": {"digest": "2"}})


def test_the_made_up_values_are_exact_as_floats():
    values = Plan(50, 1).values(0, 3000)
    counters = values[:, np.tile(np.array(COUNTERS), 50)]
    assert (counters == np.floor(counters)).all()
    assert counters.max() < 2**53
    assert (np.diff(counters, axis=0) > 0).all()
    assert (np.rint(values * 100) / 100 == values).all()
