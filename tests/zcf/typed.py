"""Commands as they are typed, and what they said."""

import json
from typing import Any

from typer.testing import CliRunner

from zcf.__main__ import app


def run(*words: object, code: int = 0) -> str:
    """What a command printed; it must end with this status."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def told(*words: object, code: int = 0) -> dict[str, Any]:
    """The one JSON object it printed."""
    [line] = [one for one in run(*words, "--json", code=code).splitlines() if one.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found
