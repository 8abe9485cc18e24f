"""`zcf import`: history from files, checked like live readings."""

import json
import time
from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer


def bring(
    site: Annotated[Path, typer.Argument(help="The site file; it declares the columns.", metavar="SITE")],
    file: Annotated[Path, typer.Argument(help="The CSV file.", metavar="FILE")],
    who: Annotated[str, typer.Option("--who", help="Who enters it; else the user's name.")] = "",
    why: Annotated[str, typer.Option("--why", help="Why it is entered.")] = "imported by hand",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and add up, store nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is one JSON object.")] = False,
) -> None:
    """Import a CSV file as its site file declares it: exactly, at most once, with everything odd in it listed."""
    from metering.sitefile import load_site
    from zcf.import_csv import import_file
    from zcf.import_report import document, lines

    now_ms = time.time_ns() // 1_000_000
    report = import_file(load_site(site), file, who=who or _user(), why=why, dry_run=dry_run, now_ms=now_ms)
    if as_json:
        print(json.dumps(document(report), ensure_ascii=False))
    else:
        for line in lines(report):
            print(line)


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a process without a user of its own
        return "unknown"


COMMANDS = {"import": bring}
