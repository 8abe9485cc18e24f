"""`zcf report`: a period as HTML, workbook, PDF and JSON, and with --bundle everything it rests on in one file."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zcf.commands.answers import AsJson, SiteFile, _service, readable_period

if TYPE_CHECKING:
    from analytics.reporting import File
    from analytics.service import FactoryService

SpanOf = Annotated[str, typer.Option("--period", help="2026, 2026-10, 2026-10-03, FY2026, a..b, today, month")]
Formats = Annotated[
    str, typer.Option("--format", help="html,xlsx,pdf,json: files; left out: the balance as JSON on stdout")
]
Kinds = Annotated[str, typer.Option("--kind", help="disclosure, iso14064, cdp or six_paths")]


def report(
    site: SiteFile,
    period: SpanOf = "month",
    formats: Formats = "",
    langs: Annotated[str, typer.Option("--lang", help="zh,en")] = "zh,en",
    kind: Kinds = "disclosure",
    out: Annotated[Path, typer.Option("--out", help="The folder the files go into.", show_default=False)] = Path(),
    bundle: Annotated[Path | None, typer.Option("--bundle", help="Where the bundle goes.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Write a report of a period; with --bundle everything it rests on in one file that anyone can verify offline."""
    from analytics.issuing import issue

    running = _service(site)
    at_ms = running.clock()
    service = running.over(running.source, running.results, lambda: at_ms)  # one instant for every part
    with readable_period():
        files = _files(service, period, kind, formats, langs)
        if bundle is not None:
            _put(bundle, issue(service, period, {one.name: one.data for one in files}))
        document = None if formats else service.balance(period)
    if document is not None:
        print(json.dumps(document, ensure_ascii=False))
        return
    _tell(_write(files, out), bundle, as_json=as_json)


def _files(service: "FactoryService", period: str, kind: str, formats: str, langs: str) -> "list[File]":
    from analytics.report import KINDS
    from analytics.reporting import FORMATS, LANGS, NoBrowserError, written

    wanted = _chosen(formats, FORMATS, "--format")
    if not wanted:
        return []
    kinds = _chosen(kind, tuple(KINDS), "--kind")
    try:
        return written(
            service, period, kinds[0] if kinds else "disclosure", wanted, _chosen(langs, LANGS, "--lang") or LANGS
        )
    except NoBrowserError as error:
        print(f"zcf: {error}; leave pdf out of --format to write the rest", file=sys.stderr)
        raise typer.Exit(1) from None


def _chosen(text: str, known: tuple[str, ...], option: str) -> list[str]:
    """The words of a comma list, each a known one."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in known]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is not known; one of: {', '.join(known)}", param_hint=option)
    return list(dict.fromkeys(words))


def _write(files: "list[File]", folder: Path) -> Mapping[Path, int]:
    for one in files:
        _put(folder / one.name, one.data)
    return {folder / one.name: len(one.data) for one in files}


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    partial.replace(path)


def _tell(made: Mapping[Path, int], bundle: Path | None, *, as_json: bool) -> None:
    if as_json:
        told = {"files": [{"path": str(path), "bytes": size} for path, size in made.items()]}
        print(json.dumps({**told, "bundle": None if bundle is None else str(bundle)}))
        return
    for path, size in made.items():
        print(f"{path}  {size / 1024:,.0f} kB")
    if bundle is not None:
        print(f"{bundle}  check it with: zcf verify {bundle}")


COMMANDS = {"report": report}
