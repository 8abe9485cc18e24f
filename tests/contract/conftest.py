"""At the end of a run, what each store made of the contract: one line a store."""

import re

import pytest

STORES = ("sqlite", "double", "influxdb1", "influxdb2")
OUTCOMES = ("passed", "failed", "error", "skipped")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of stores and results, where contract tests ran."""
    counts = {store: dict.fromkeys(OUTCOMES, 0) for store in STORES}
    why: dict[str, str] = {}
    for outcome in OUTCOMES:
        for report in terminalreporter.stats.get(outcome, []):
            found = re.search(r"tests/contract/\S+\[(\w+)", getattr(report, "nodeid", ""))
            if found and found[1] in counts and getattr(report, "when", "call") in ("call", "setup"):
                counts[found[1]][outcome] += 1
                if outcome == "skipped" and isinstance(report.longrepr, tuple):
                    why[found[1]] = str(report.longrepr[2]).removeprefix("Skipped: ")
    if any(sum(found.values()) for found in counts.values()):
        terminalreporter.section("ReadingSource contract")
        terminalreporter.write_line(f"{'store':<11}" + "".join(f"{outcome:>9}" for outcome in OUTCOMES))
        for store, found in counts.items():
            line = f"{store:<11}" + "".join(f"{found[outcome]:>9}" for outcome in OUTCOMES)
            terminalreporter.write_line(f"{line}  {why.get(store, '')}".rstrip())
