"""`zcf resync`: compares what InfluxDB holds with the store, and sends again what is not there."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

SiteFile = Annotated[Path, typer.Argument(help="The site file.", metavar="SITE", show_default=False)]
Since = Annotated[datetime | None, typer.Option("--from", help="UTC; else two days ago.", show_default=False)]
Until = Annotated[datetime | None, typer.Option("--to", help="UTC; else now.", show_default=False)]
Check = Annotated[bool, typer.Option("--check", help="Compare alone, send nothing; exit status 1 where they differ.")]
Everything = Annotated[bool, typer.Option("--all", help="Send all of it again without comparing; needs no read token.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def resync(
    site: SiteFile, since: Since = None, until: Until = None,
    check: Check = False, everything: Everything = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Read back what InfluxDB holds of the readings, and send again what is missing; the collector may run."""
    from metering.sitefile import load_site
    from zcf.resync import compared, resent

    config, now = load_site(site), datetime.now(UTC)
    start_ms, end_ms = (_ms(found or other) for found, other in ((since, now - timedelta(days=2)), (until, now)))
    if everything:
        sent, bad = resent(config, start_ms, end_ms)
        body: dict[str, object] = {"polls": sent, "refused": [line for _, line, _, _ in bad]}
        text, left = f"{sent} polls sent again, {len(bad)} lines refused", len(bad)
    else:
        found = compared(config, start_ms, end_ms, mend=not check)
        missing = sum(one.missing for one in found)
        polls, aside = sum(one.resent for one in found), sum(one.set_aside for one in found)
        body = {"minutes": [one.start_ms for one in found], "missing": missing, "polls": polls, "not_taken": aside}
        text, left = f"{missing} readings missing, {polls} polls sent again, {aside} lines not taken", aside
        left = missing if check else aside
    print(json.dumps(body) if as_json else text)
    raise typer.Exit(code=1 if left else 0)


def _ms(when: datetime) -> int:
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


COMMANDS = {"resync": resync}
