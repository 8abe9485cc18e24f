"""`zcf`: one command over the whole house. Exit status: 0 done, 1 failed, 2 wrong words, 78 bad files (EX_CONFIG)."""

import sys
from types import ModuleType

import typer

from metering.config import EXIT_CONFIG, ConfigError
from metering.store import StoreError
from zcf.commands import (
    access,
    activity,
    answers,
    bringing,
    closing,
    commissioning,
    correcting,
    delivery,
    demonstration,
    evidence,
    factors,
    grafana,
    influx,
    keeping,
    ledger,
    matching,
    measurements,
    orders,
    processes,
    reports,
    scoring,
)
from zcf.supervisor import ChildError, die_with_parent

EXIT_FAILED = 1
INTERRUPTED = 130

app = typer.Typer(
    name="zcf", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Zero-carbon factory monitor: meters in, an auditable carbon balance and a scorecard out.",
)  # fmt: skip


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(version("zcf"))
        except PackageNotFoundError:
            typer.echo("from a checkout")
        raise typer.Exit


@app.callback()
def _options(
    _: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say the version and stop."),
) -> None:
    """Zero-carbon factory monitor: meters in, an auditable carbon balance and a scorecard out."""


# The shelves of `zcf --help`, in the order in which a site is brought to life.
SHELVES: dict[str, tuple[ModuleType, ...]] = {
    "See it": (demonstration,),
    "Before the first reading": (commissioning, bringing),
    "Run": (processes, delivery, keeping),
    "Ask": (answers, factors, matching, scoring, reports),
    "Close and verify": (closing,),
}
GROUPS: dict[str, dict[str, typer.Typer]] = {
    "Run": {"influx": influx.app, "grafana": grafana.app, "token": access.tokens, "audit": access.audit},
    "Enter what no meter tells": {
        "correct": correcting.app, "evidence": evidence.app, "activity": activity.app, "ledger": ledger.app,
        "orders": orders.app,
    },
    "Measure": {"bench": measurements.app},
}  # fmt: skip
for shelf, rooms in SHELVES.items():
    for room in rooms:
        for name, command in room.COMMANDS.items():
            app.command(name, rich_help_panel=shelf)(command)
for shelf, groups in GROUPS.items():
    for name, group in groups.items():
        app.add_typer(group, name=name, rich_help_panel=shelf)


def main() -> None:
    """Run the command that was asked for, and say in one line what went wrong."""
    die_with_parent()
    try:
        app(prog_name="zcf")
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        sys.exit(EXIT_CONFIG)
    except ChildError as error:
        print(f"zcf: {error}", file=sys.stderr)
        sys.exit(error.code if error.code == EXIT_CONFIG else EXIT_FAILED)
    except (StoreError, OSError) as error:
        print(f"zcf: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
