"""`zcf demo`: the whole way from simulated devices to the page, in one command."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def demo(
    days: Annotated[int, typer.Option("--days", min=0, max=3660, help="Days of simulated history.")] = 30,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="The page's port.")] = None,
    seconds: Annotated[float | None, typer.Option("--for", min=1, help="End by itself after so long [s].")] = None,
    faults: Annotated[Path | None, typer.Option("--faults", exists=True, help="What is to go wrong, and when.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where the demo keeps everything [.zcf; with --faults .zcf-NAME].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is one JSON object.")] = False,
) -> None:
    """Show a simulated factory, live: history first, then devices, collector and page as three processes."""
    from zcf.demo import Demo, Options

    sys.exit(Demo(Options(folder or usual_folder(faults), days, port, seconds, faults, as_json)).run())


def usual_folder(faults: Path | None) -> Path:
    """Where a demo lives that was told no folder: one with faults apart from the sound one, so that both can go on."""
    return Path(f".zcf-{faults.stem}" if faults else ".zcf")


COMMANDS = {"demo": demo}
