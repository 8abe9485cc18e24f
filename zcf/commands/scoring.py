"""`zcf score`: every criterion of a standard, with its gap and the cheapest steps; computed and never written."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zcf.commands.answers import AsJson, Language, SiteFile, _service

if TYPE_CHECKING:
    from analytics.service import FactoryService

def score(
    site: SiteFile,
    standard: Annotated[str | None, typer.Option("--standard", help="A standard's id; else the site's first.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every standard of the site, one after the other.")] = False,
    period: Annotated[str | None, typer.Option("--period", help="2026, FY2026, 2026-10; else the last year.")] = None,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Every criterion of a standard: met, not met, or undetermined; its gap, and the cheapest steps to close it."""
    service = _service(site)
    chosen = list(service.config.file.standards) if every else [standard]
    documents = [_scored(service, name, period) for name in chosen]
    if as_json:
        print(json.dumps({"scores": documents} if every else documents[0], ensure_ascii=False))
        return
    from zcf.scorecard import show

    for document in documents:
        show(document, lang)


def _scored(service: "FactoryService", standard: str | None, period: str | None) -> Mapping[str, Any]:
    try:
        return service.score(standard, period)
    except LookupError as error:
        raise typer.BadParameter(str(error.args[0] if error.args else error), param_hint="--standard") from None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--period") from None


COMMANDS = {"score": score}
