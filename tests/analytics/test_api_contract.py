"""The API against its own OpenAPI document: schemathesis asks whatever the document allows."""

from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks, openapi
from schemathesis.specs.openapi import checks as conformance

from analytics.access import PUBLIC, RULES, Role
from analytics.api import make_app
from analytics.throttle import Buckets, Failures
from metering.sitefile import load_site
from tests.analytics.test_access import SITE, Clerk, token

CHECKS = [
    checks.not_a_server_error, conformance.status_code_conformance, conformance.content_type_conformance,
    conformance.response_schema_conformance,
]  # fmt: skip
PHASES = [Phase.explicit, Phase.generate]  # a failing case need not be made small
EXAMPLES = 5  # of each operation: the whole stays within the time of everyday


def test_every_answer_is_one_the_document_names(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    config = load_site(tmp_path / "site.yaml")
    app = make_app(Clerk(config))
    app.state.live.stop()  # a stream ends at once
    headers = {"Authorization": f"Bearer {token(config, Role.ADMIN)}"}
    schema = openapi.from_asgi("/api/v1/openapi.json", app, headers=headers)
    app.state.guard._buckets = Buckets(lambda: 0.0, burst=1e9)
    app.state.guard._by_address = app.state.guard._by_token = Failures(lambda: 0.0, 10**9, 1.0)
    asked: Counter[tuple[str, str]] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, phases=PHASES,
                  database=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(operation.as_strategy())
        def ask(case) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)
            asked[case.operation.method.upper(), case.operation.path] += 1

        ask()
    hidden = {("GET", "/api/v1/openapi.json"), ("HEAD", "/api/v1/openapi.json")}
    assert set(asked) == {*RULES, *PUBLIC} - hidden


def test_every_document_of_the_page_has_a_shape(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    told = make_app(Clerk(load_site(tmp_path / "site.yaml"))).openapi()
    views = {path for method, path in RULES if method == "GET"} - {"/api/v1/stream", "/api/v1/openapi.json"}
    for path in views:
        answer = told["paths"][path]["get"]["responses"]["200"]
        assert "$ref" in answer["content"]["application/json"]["schema"], path
