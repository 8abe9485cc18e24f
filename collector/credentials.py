"""Files with passwords: there, and for nobody else to read; checked before the store is opened."""

import stat
from collections.abc import Iterator
from pathlib import Path

from metering.config import ConfigError, Fault
from metering.sitefile import SiteConfig


def check_credentials(config: SiteConfig) -> None:
    """ConfigError with every password file that is missing, empty, or open to all users of the machine."""
    faults = list(_faults(config))
    if faults:
        raise ConfigError(faults)


def _faults(config: SiteConfig) -> Iterator[Fault]:
    for index, link in enumerate(config.file.links):
        if not link.password_file:
            continue
        where = ("links", index, "password_file")
        try:
            found = Path(link.password_file).stat()
        except OSError as error:
            yield config.document.fault(where, f"{link.password_file}: {error.strerror}", "write the password into it")
            continue
        if stat.S_IMODE(found.st_mode) & 0o007:
            yield config.document.fault(where, f"{link.password_file} is open to everybody", "chmod 0640 or 0600")
        if not found.st_size:
            yield config.document.fault(where, f"{link.password_file} is empty", "write the password into it")
