"""`zcf backup` and `zcf restore`: a site in one file, and back."""

from pathlib import Path
from typing import Annotated

import typer

SiteFile = Annotated[Path, typer.Argument(help="The site file.", metavar="SITE", show_default=False)]
Archive = Annotated[Path, typer.Argument(help="The archive (.tar.gz).", metavar="FILE", show_default=False)]


def backup(site: SiteFile, file: Archive) -> None:
    """Copy the store, the site file and its profiles into FILE; the services may run. Secrets are not in it."""
    from metering.sitefile import load_site
    from zcf.backup import backup as packed

    print(f"{file}: {packed(load_site(site), file)} bytes")


def restore(site: SiteFile, file: Archive) -> None:
    """Put the store of FILE in place of the site's; the services must be stopped. What was there is kept beside."""
    from metering.sitefile import load_site
    from zcf.backup import restore as unpacked

    aside = unpacked(file, load_site(site).store_dir)
    print("restored" + (f"; what was there before is in {aside}" if aside else ""))


COMMANDS = {"backup": backup, "restore": restore}
