"""Claims, targets and the self-test over HTTP, from a works' own store; and a part of it that is not known."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from analytics.api import make_app
from tests.analytics.month_works import MonthWorks


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    works = MonthWorks(Path(tmp_path_factory.mktemp("works"))).full().settle()
    at_home = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 50_000)}
    with TestClient(make_app(works.service()), raise_server_exceptions=False, **at_home) as client:
        yield client


def test_each_document_says_what_the_service_says(client: TestClient) -> None:
    claims = client.get("/api/v1/claims").json()
    assert claims["claims"][0]["id"] == "accounted"
    assert not any(one["granted"] for one in claims["claims"])
    assert client.get("/api/v1/targets", params={"year": 2026}).json()["targets"] == []
    assert len(client.get("/api/v1/selftest").json()["functions"]) == 13


def test_wrong_questions_are_refused_with_the_mend(client: TestClient) -> None:
    assert client.get("/api/v1/targets", params={"year": 1}).status_code == 400
    answer = client.get("/api/v1/score", params={"boundary": "nowhere"})
    assert answer.status_code == 404
    assert "no boundary 'nowhere'" in answer.json()["detail"]


def test_what_is_held_and_made_can_be_read(client: TestClient) -> None:
    assert client.get("/api/v1/ledger").json() == {"lots": [], "refused": [], "totals": {}}
    body = client.get("/api/v1/position", params={"year": 2026, "basis": "gross_location"}).json()
    assert (body["year"], body["basis"], body["allocated"], body["unit"]) == (2026, "gross_location", 0.0, "tCO2e")
    assert body["obligation"]["origin"] == "forecast"
    assert body["gap"] == pytest.approx(body["obligation"]["value"])
    assert client.get("/api/v1/orders", params={"period": "2026-10"}).json()["orders"] == []
    assert client.get("/api/v1/orders", params={"period": "soon"}).status_code == 400
    assert client.get("/api/v1/position", params={"basis": "scope9"}).status_code == 400
    told = client.get("/api/v1/openapi.json").json()["paths"]
    for view in ("ledger", "position", "orders"):
        schema = told[f"/api/v1/{view}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert "$ref" in schema
