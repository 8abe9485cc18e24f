"""`zcf score`: every criterion of a standard, with its gap and the cheapest steps; computed and never written."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zcf.commands.answers import AsJson, Language, SiteFile, _service, readable_period

if TYPE_CHECKING:
    from analytics.service import FactoryService


def score(
    site: SiteFile,
    standard: Annotated[str | None, typer.Option("--standard", help="A standard's id; else the site's first.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every standard of the site, one after the other.")] = False,
    period: Annotated[str | None, typer.Option("--period", help="2026, FY2026, 2026-10; else the last year.")] = None,
    edition: Annotated[str | None, typer.Option("--edition", help="The text as of a day; today's by default.")] = None,
    boundary: Annotated[str | None, typer.Option("--boundary", help="A workshop or line; else the factory.")] = None,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Every criterion of a standard: met, not met, or undetermined; its gap, and the cheapest steps to close it."""
    service = _service(site)
    chosen = list(service.config.file.standards) if every else [standard]
    documents = [_scored(service, name, period, edition, boundary) for name in chosen]
    if as_json:
        print(json.dumps({"scores": documents} if every else documents[0], ensure_ascii=False))
        return
    from zcf.scorecard import show

    for document in documents:
        show(document, lang)


def _scored(service: "FactoryService", standard: str | None, *how: str | None) -> Mapping[str, Any]:
    period, edition, boundary = how
    try:
        return service.score(standard, period, edition=edition, boundary=boundary)
    except LookupError as error:
        said = str(error.args[0] if error.args else error)
        raise typer.BadParameter(said, param_hint="--standard, --boundary") from None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--period, --edition") from None


def claim(
    site: SiteFile,
    label: Annotated[str, typer.Argument(help="A label to ask for; else the whole ladder.")] = "",
    period: Annotated[str | None, typer.Option("--period", help="2026 or FY2026; else the last year.")] = None,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Which labels the site may use and what each of the others lacks; 1 when the one asked for is refused."""
    with readable_period():
        document = _service(site).claims(period)
    found = [one for one in document["claims"] if label in {"", one["id"]}]
    if not found:
        names = ", ".join(one["id"] for one in document["claims"])
        raise typer.BadParameter(f"no label {label!r}; one of: {names}", param_hint="LABEL")
    if as_json:
        print(json.dumps({**document, "claims": found}, ensure_ascii=False))
    else:
        from zcf.scorecard import show_claims

        show_claims({**document, "claims": found}, lang)
    if label and not found[0]["granted"]:
        raise typer.Exit(1)


def target(
    site: SiteFile,
    year: Annotated[int | None, typer.Option("--year", help="The calendar year; this one by default.")] = None,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """On or off track by so many tonnes a month, on the own path and the SBTi line; the fiscal year's green share."""
    document = _service(site).targets(year)
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    from zcf.progress_card import show_progress

    show_progress(document, lang)


def selftest(site: SiteFile, lang: Language = "en", as_json: AsJson = False) -> None:
    """The 13 functions of an energy-carbon management centre, each tried on this site's data."""
    document = _service(site).selftest()
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    from zcf.scorecard import show_functions

    show_functions(document, lang)


def measures(site: SiteFile, lang: Language = "en", as_json: AsJson = False) -> None:
    """The register of measures: declared, verified with an interval, or why not; and which count the same energy."""
    from analytics.measured import measured

    document = measured(_service(site))
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    from zcf.progress_card import show_measures

    show_measures(document, lang)


COMMANDS = {"measures": measures, "target": target, "selftest": selftest, "score": score, "claim": claim}
