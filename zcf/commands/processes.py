"""`zcf simulate`, `collect`, `serve` and `run`: the processes that stay. Ready, each prints one line of JSON."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from analytics.daemon import Listen

SiteFile = Annotated[Path, typer.Argument(help="The site file.", metavar="SITE", show_default=False)]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The page's port; 0 takes a free one.")]
Host = Annotated[str, typer.Option("--host", help="The address the page listens on.")]
Certificate = Annotated[Path | None, typer.Option("--tls-cert", envvar="ZCF_TLS_CERT_FILE", help="Certificate, PEM.")]
Key = Annotated[Path | None, typer.Option("--tls-key", envvar="ZCF_TLS_KEY_FILE", help="Its key, PEM.")]
InsecureLan = Annotated[
    bool, typer.Option("--insecure-lan", help="Listen beyond this machine without TLS; shows as an alert.")
]


def say_ready(**more: Any) -> None:
    """The line a supervisor waits for."""
    print(json.dumps({"ready": True, **more}), flush=True)


def simulate(
    plant: Annotated[Path, typer.Argument(help="The plant file.", metavar="PLANT", show_default=False)],
    faults: Annotated[Path | None, typer.Option("--faults", help="What is to go wrong, and when.")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="Folder of its logs; else truth/ beside PLANT.")] = None,
) -> None:
    """Run the simulated factory on real sockets and topics."""
    import asyncio

    from simulators import serve

    asyncio.run(serve.run(plant, faults, truth or plant.parent / "truth"))


def collect(
    site: SiteFile,
    modules: Annotated[bool, typer.Option("--modules", help="Print the loaded modules with the ready line.")] = False,
) -> None:
    """Read the devices of a site and keep what they say; the edge daemon."""
    from collector import daemon

    def ready() -> None:
        say_ready(**({"modules": sorted(sys.modules)} if modules else {}))

    daemon.run(site, ready)


def serve(
    site: SiteFile, port: Port = 8080, host: Host = "127.0.0.1", tls_cert: Certificate = None, tls_key: Key = None,
    insecure_lan: InsecureLan = False,
) -> None:  # fmt: skip
    """Settle, account, judge, watch, and answer the page."""
    from analytics import daemon

    daemon.run(site, _listen(host, port, tls_cert, tls_key, insecure_lan), lambda url: say_ready(url=url))


def _listen(host: str, port: int, tls_cert: Path | None, tls_key: Path | None, insecure_lan: bool) -> "Listen":
    from analytics.daemon import Listen

    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("--tls-cert and --tls-key go together")
    return Listen(host, port, (tls_cert, tls_key) if tls_cert and tls_key else None, insecure_lan)


def run(
    site: SiteFile, port: Port = 8080, host: Host = "127.0.0.1", tls_cert: Certificate = None, tls_key: Key = None,
    insecure_lan: InsecureLan = False,
) -> None:  # fmt: skip
    """Run a whole site on one box: `zcf collect` and `zcf serve` as two children."""
    from metering.config import ConfigError
    from metering.sitefile import load_site
    from zcf.supervisor import Supervisor

    load_site(site)
    listen = _listen(host, port, tls_cert, tls_key, insecure_lan)
    if faults := list(listen.faults()):
        raise ConfigError(faults)
    tls = ("--tls-cert", str(tls_cert), "--tls-key", str(tls_key)) if listen.tls else ()
    more = (*tls, *(("--insecure-lan",) if insecure_lan else ()))
    file = str(site.absolute())
    words = (("collect", file), ("serve", file, "--port", str(port), "--host", host, *more))
    supervisor = Supervisor(words, None, lambda line: print(line, file=sys.stderr, flush=True))
    with supervisor.running():
        told = supervisor.child("serve").ready or {}
        say_ready(url=told.get("url"))
        supervisor.watch()


COMMANDS = {"simulate": simulate, "collect": collect, "serve": serve, "run": run}
