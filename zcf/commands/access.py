"""`zcf token` and `zcf audit`: who may use the API, and what was done with it."""

import json
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

tokens = typer.Typer(no_args_is_help=True, help="Tokens of the API: made, listed, revoked.")
audit = typer.Typer(no_args_is_help=True, help="The audit log: looked at, verified.")
SiteFile = Annotated[Path, typer.Argument(help="The site file.", metavar="SITE", show_default=False)]
Who = Annotated[str, typer.Option("--who", help="Who does this.")]
Why = Annotated[str, typer.Option("--why", help="What for.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]
DAY_MS = 86_400_000
EXIT_BROKEN = 1


@tokens.command("make")
def make(
    site: SiteFile, *, name: Annotated[str, typer.Option("--name", help="Whose token: shown with what is done by it.")],
    role: Annotated[Literal["viewer", "operator", "admin"], typer.Option("--role", help="What it may do.")] = "viewer",
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How long it is valid.")] = 365,
    view: Annotated[list[str] | None, typer.Option("--view", help="Only this document (live, balance, ...).")] = None,
    who: Who, why: Why, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make a token. It is shown now and never again; the store keeps a hash."""
    from analytics.access import Role
    from analytics.entering import said
    from analytics.tokens import MADE
    from analytics.tokens import make as new
    from metering.sitefile import load_site

    config, now = load_site(site), time.time_ns() // 1_000_000
    shown, body = new(name, Role(role), now + days * DAY_MS, view or ())
    said(config, now, MADE, body, (who, why), "zcf token")
    row = {"token": shown, "id": body["id"], "name": name, "role": role, "expires_ms": body["expires_ms"]}
    print(json.dumps(row, ensure_ascii=False) if as_json else shown)


@tokens.command("list")
def list_(site: SiteFile, as_json: AsJson = False) -> None:
    """Every token that was made, without what would open anything."""
    from analytics.tokens import tokens_of
    from metering.sitefile import load_site
    from metering.store.entries import EntriesReader

    now = time.time_ns() // 1_000_000
    found = tokens_of(EntriesReader(load_site(site).store_dir).entries())
    rows = [token.document(now) for token in found.values()]
    if as_json:
        print(json.dumps({"tokens": rows}, ensure_ascii=False))
    for row in [] if as_json else rows:
        state = "valid" if row["valid"] else "revoked" if row["revoked_ms"] else "expired"
        print(f"{row['id']}  {row['role']:<8}  {state:<7}  {row['name']}")


@tokens.command("revoke")
def revoke(site: SiteFile, number: Annotated[str, typer.Argument(metavar="ID")], *, who: Who, why: Why) -> None:
    """Revoke a token: a running service refuses it within a second or two."""
    from analytics.entering import revoked
    from analytics.tokens import tokens_of
    from metering.sitefile import load_site
    from metering.store.entries import EntriesReader

    config = load_site(site)
    if number not in tokens_of(EntriesReader(config.store_dir).entries()):
        raise typer.BadParameter(f"there is no token {number}; `zcf token list` names them")
    revoked(config, time.time_ns() // 1_000_000, number, (who, why), "zcf token")
    print(f"revoked {number}")


@audit.command("verify")
def verify(site: SiteFile, as_json: AsJson = False) -> None:
    """Whether every line is as it was written, and none is missing; exit 1 where the chain breaks, and where."""
    from analytics.audit import Audit
    from metering.sitefile import load_site

    log = Audit(load_site(site).store_dir)
    faults = list(log.faults())
    count = sum(len(file.read_bytes().splitlines()) for file in log.files())
    if as_json:
        print(json.dumps({"lines": count, "faults": faults}))
    else:
        print("\n".join(faults) or f"{count} lines, unbroken")
    if faults:
        raise typer.Exit(EXIT_BROKEN)


@audit.command("show")
def show(site: SiteFile, count: Annotated[int, typer.Option("--newest", min=1, max=10_000)] = 20) -> None:
    """The newest lines, newest first, as they stand."""
    from analytics.audit import Audit
    from metering.sitefile import load_site

    for line in Audit(load_site(site).store_dir).newest(count):
        print(json.dumps(line, ensure_ascii=False, sort_keys=True))
