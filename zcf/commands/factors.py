"""`zcf factors`: the documents that factors come from, and what a new one would change of months that were closed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from zcf.commands.answers import AsJson, Language, SiteFile, _service


def factors(
    site: SiteFile,
    file: Annotated[Path | None, typer.Argument(help="A new dated factor file.", metavar="FILE")] = None,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """The factor documents at hand; with FILE, which issued (closed) figures it would change. Changes nothing."""
    document = _documents(site) if file is None else _impact(site, file)
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    elif file is None:
        for one in document["documents"]:
            statuses = ", ".join(f"{count} {name}" for name, count in one["statuses"].items())
            print(f"{one['document']:<32} {one['rows']:4} rows: {statuses}")
    else:
        _show(document, lang)


def _documents(site: Path) -> dict[str, Any]:
    from analytics.supersession import documents_of

    return {"documents": list(documents_of(_service(site).table.parameters))}


def _impact(site: Path, file: Path) -> dict[str, Any]:
    from analytics.closing import INDEX, closings
    from analytics.site_settings import site_table
    from analytics.supersession import Impact

    service = _service(site)
    new = site_table(service.config, more=[file])
    impact = Impact(service.table, new, service.settings)
    months = sorted(service.results.mark(INDEX) or {})
    told = [impact.closing(found[-1]) for month in months if (found := closings(service.results, month))]
    return {
        "site": service.config.site.id, "file": str(file), "closed_months": len(told),
        "closings": [one for one in told if one["lines"]],
    }  # fmt: skip


def _show(document: Mapping[str, Any], lang: str) -> None:
    if not document["closings"]:
        print(f"{document['file']} would change no line of the {document['closed_months']} closed months")
    for month in document["closings"]:
        print(f"{month['period']} (closing {month['number']})")
        for line in month["lines"]:
            if line["new"] is None:
                print(f"    {line['id']}: {line[lang]}")
                continue
            kg = f"{line['issued_kg']:,.3f} -> {line['would_kg']:,.3f} kg ({line['delta_kg']:+,.3f})"
            print(f"    {line['id']}: {kg}")
            print(f"        {line['old']['id']} -> {line['new']['id']} ({line['new']['status']}). {line[lang]}")
        for name, of in month["totals"].items():
            print(f"    {name}: {of['co2_only']:+,.3f} kgCO2, {of['co2e']:+,.3f} kgCO2e")


COMMANDS = {"factors": factors}
