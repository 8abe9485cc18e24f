"""`zcf`: one command over the whole house. Exit status: 0 done, 1 failed, 2 wrong words, 78 bad files (EX_CONFIG)."""

import sys

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


ROOMS = (
    demonstration, commissioning, processes, delivery, keeping, bringing, answers, factors, matching, scoring, closing,
    reports,
)  # fmt: skip
for room in ROOMS:
    for name, command in room.COMMANDS.items():
        app.command(name)(command)
app.add_typer(measurements.app, name="bench")
app.add_typer(correcting.app, name="correct")
app.add_typer(evidence.app, name="evidence")
app.add_typer(grafana.app, name="grafana")
app.add_typer(access.tokens, name="token")
app.add_typer(access.audit, name="audit")
app.add_typer(influx.app, name="influx")
app.add_typer(ledger.app, name="ledger")
app.add_typer(orders.app, name="orders")
app.add_typer(activity.app, name="activity")


def main() -> None:
    """Run the command that was asked for, and say in one line what went wrong."""
    die_with_parent()
    try:
        app()
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
