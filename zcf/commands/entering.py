"""What the commands that enter something share: `zcf NAME SITE COMMAND`, who and why, a dry run, refusals in words."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from metering.store.entries import Entry

EXIT_WRONG = 2
Who = Annotated[str, typer.Option("--who", help="Who knows it.")]
Why = Annotated[str, typer.Option("--why", help="How it is known.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and say what it would change; enter nothing.")]


def about_a_site(does: str) -> typer.Typer:
    """A group of commands about one site, whose file stands before the command's name."""
    app = typer.Typer(no_args_is_help=True, help=does)

    @app.callback(help=does)
    def _site(
        context: typer.Context, site: Annotated[Path, typer.Argument(help="The site file.", metavar="SITE")]
    ) -> None:
        context.obj = site

    return app


def refused(faults: Iterable[str]) -> typer.Exit:
    """Every fault on a line of its own; what to raise then."""
    for fault in faults:
        print(fault, file=sys.stderr)
    return typer.Exit(EXIT_WRONG)


def named(who: str, why: str) -> tuple[str, str]:
    """Who and why, without which nothing is entered."""
    if not who.strip() or not why.strip():
        raise refused(["--who and --why: an entry needs them"])
    return who.strip(), why.strip()


def append(store: Path, owner: str, entries: Iterable["Entry"]) -> None:
    """Append entries under the lock, in order."""
    from metering.store.entries import entering

    with entering(store, owner) as writer:
        for entry in entries:
            writer.append(entry)
