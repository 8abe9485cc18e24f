"""The arrows between the packages, the purity of the pure modules, the top of the tree: read from the files."""

import ast
import functools
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("metering", "collector", "analytics", "simulators", "zcf")

ARROWS = {
    "metering": set(),
    "collector": {"metering"},
    "analytics": {"metering"},
    "simulators": {"collector", "metering"},
    "zcf": {"metering", "collector", "analytics", "simulators"},
}

PURE = {
    "metering": ("quantity", "reading", "site", "period", "secrecy"),
    "collector": (
        "profile", "registers", "planner", "conversion", "datatypes", "delivery", "encoding", "exact", "fields",
        "line_protocol", "phases", "plausible", "schedule", "bulk", "bustime", "holding", "sleep", "refusal",
    ),
    "analytics": (
        "intervals", "segments", "flows", "factors", "balance", "indicators", "criteria", "alerts",
        "alert_words", "alert_document", "silence", "signals", "hindsight",
        "report", "curves",
        "documents", "fuels", "grid", "lines", "live", "market", "postings", "quality", "regions", "standards",
        "steam", "if97", "terms", "tree", "units", "limits", "placing", "verdicts", "calendar", "closures", "reconcile",
        "doubt", "sankey", "suspects", "tariff", "uncertainty", "tree_document", "coverage", "corrections",
        "corrected", "entered", "measures", "reach", "proofs", "claims", "targets", "boundaries", "savings",
        "serials", "ledger", "holdings", "matching", "matching_uncertainty", "battery",
        "refrigerants", "process_gases", "fuel_paths", "recorded", "carbon_uncertainty", "supersession",
        "scope3", "work_orders", "by_gas", "heldup", "context",
    ),
    "simulators": ("plant", "faults", "shapes", "day", "production", "supply", "utilities", "weather"),
}  # fmt: skip
# These read data files, through metering.config and only through it.
READS_FILES = {"collector.profile", "analytics.factors", "analytics.criteria"}

OUTSIDE = """
    aiohttp amqtt asyncio fastapi grafana_api http httpx2 influxdb_client multiprocessing paho pymodbus requests ruamel
    selectors serial socket sqlite3 subprocess threading time urllib.request uvicorn yaml
"""
SHELL = """
    metering.config metering.store collector.agent collector.forward collector.protocols
    analytics.service analytics.api analytics.notify analytics.web simulators.modbus simulators.mqtt zcf
"""
CLOCK = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today")

TOP = "pyproject.toml collector analytics deploy simulators tests README.md metering zcf docs LICENSE"
# Joined here, so that this file does not itself hold what no file may hold.
SPLIT = (("..", "/shared"), ("/wo", "rk/"), ("pypi", ".org"), ("python", "hosted"), ("npm", "js.org"))
UNSPEAKABLE = ["".join(parts) for parts in SPLIT]


@dataclass(frozen=True)
class Import:
    """One import statement: where it stands and the dotted name it asks for."""

    file: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.file.as_posix()}:{self.line} imports {self.name}"


@functools.cache
def read(file: Path, source: bytes) -> tuple[list[Import], list[str]]:
    """What a file asks for, and where it looks at the clock; the copies of the house are the same but for a line."""
    nodes = list(ast.walk(ast.parse(source, str(file))))
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    clock = [
        f"{file.as_posix()}:{node.lineno} calls {name}"
        for node in calls
        if ".".join((name := ast.unparse(node.func)).split(".")[-2:]) in CLOCK
    ]
    return [Import(file, node.lineno, name) for node in nodes for name in imported(node, file)], clock


class House:
    """The five packages below one root, read once."""

    def __init__(self, root: Path) -> None:
        files = sorted(p.relative_to(root) for name in PACKAGES for p in (root / name).rglob("*.py"))
        said = {file: read(file, (root / file).read_bytes()) for file in files}
        self.imports = {file: imports for file, (imports, _) in said.items()}
        self.clock = {file: clock for file, (_, clock) in said.items()}
        self.modules = {dotted(file): file for file in files}
        self._reached: dict[str, list[str]] = {}

    def reached(self, name: str) -> list[str]:
        """The modules of ours that importing this dotted name executes: its packages and, if it is one, itself."""
        if name not in self._reached:
            parts = name.split(".")
            prefixes = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
            self._reached[name] = [prefix for prefix in prefixes if prefix in self.modules]
        return self._reached[name]

    def closure(self, module: str, stop: Iterable[str] = ()) -> list[Import]:
        """Every import that loading the module leads to, through modules of ours, not looking into those in `stop`."""
        seen, todo, found = set(stop), list(self.reached(module)), []
        while todo:
            if (current := todo.pop()) in seen:
                continue
            seen.add(current)
            found += self.imports[self.modules[current]]
            todo += [near for imp in self.imports[self.modules[current]] for near in self.reached(imp.name)]
        return found


def dotted(file: Path) -> str:
    """The module name of a file."""
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def imported(node: ast.AST, file: Path) -> list[str]:
    """The dotted names that this node imports; a name taken from a package may be a module, so it stays on."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = file.parent.parts[: len(file.parent.parts) - node.level + 1] if node.level else ()
        base = ".".join([*package, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
        return [a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return []


def within(name: str, tops: Iterable[str]) -> bool:
    """Whether the dotted name is one of the tops or lies below one."""
    return any(name == top or name.startswith(f"{top}.") for top in tops)


def wrong_arrows(house: House) -> list[str]:
    """Imports against the rule of arrows."""
    return [
        str(imp)
        for file, imports in house.imports.items()
        for imp in imports
        if within(imp.name, {*PACKAGES, "tests", "deploy"} - ARROWS[file.parts[0]] - {file.parts[0]})
    ]


def impure(house: House, module: str) -> list[str]:
    """What keeps a pure module from being pure: imports, its own or through modules of ours, and looks at the clock."""
    may = {"metering.config"} if module in READS_FILES else set()
    banned = {*OUTSIDE.split(), *SHELL.split()} - may
    bad = [imp for imp in house.closure(module, stop=may) if within(imp.name, banned)]
    through = [f"{imp} (reached from {module})" if dotted(imp.file) != module else str(imp) for imp in bad]
    return through + house.clock[house.modules[module]]


def impurities(house: House) -> list[str]:
    """The same for every pure module that exists."""
    named = [f"{package}.{name}" for package, names in PURE.items() for name in names]
    return [fault for module in named if module in house.modules for fault in impure(house, module)]


def judge_faults(house: House) -> list[str]:
    """The judge recomputes what analytics computed, so it may use nothing of it, not even through another module."""
    if "zcf.judge" not in house.modules:
        return []
    return [str(imp) for imp in house.closure("zcf.judge") if within(imp.name, ["analytics"])]


def faults_of(root: Path) -> list[str]:
    """Everything that is against the rules in the house below this root."""
    house = House(root)
    return wrong_arrows(house) + impurities(house) + judge_faults(house)


def listed(*options: str) -> list[Path]:
    """What git lists; a tree without git cannot say what is committed."""
    try:
        answer = subprocess.run(["git", "ls-files", "-z", *options], cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a git checkout: {error}")
    return [Path(name) for name in answer.stdout.decode().split("\0") if name]


def test_the_house_obeys_its_rules() -> None:
    assert faults_of(ROOT) == []


def test_the_top_of_the_tree_holds_nothing_else() -> None:
    tops = {file.parts[0] for file in listed("--cached", "--others", "--exclude-standard") if (ROOT / file).exists()}
    assert {top for top in tops if not top.startswith(".")} <= set(TOP.split())


def test_no_committed_file_names_what_only_this_workshop_knows() -> None:
    texts = {file: (ROOT / file).read_bytes() for file in listed("--cached") if (ROOT / file).is_file()}
    assert [(str(file), word) for file, text in texts.items() for word in UNSPEAKABLE if word.encode() in text] == []


def test_ruff_bans_the_clock_in_the_same_modules() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    [pattern] = [p for p, rules in lint["per-file-ignores"].items() if rules == ["TID251"]]
    groups = ",".join(f"{package}/{{{','.join(names)}}}" for package, names in PURE.items())
    assert pattern == f"!**/{{{groups}}}.py"


PLANTED = [
    ("collector/agent.py", "from analytics import flows", "analytics.flows"),
    ("collector/agent.py", "import simulators.plant", "simulators.plant"),
    ("analytics/api.py", "from collector.registers import decode", "collector.registers.decode"),
    ("metering/config.py", "def late():\n    import zcf.judge", "zcf.judge"),
    ("simulators/modbus.py", "import importlib\nimportlib.import_module('analytics.flows')", "analytics.flows"),
    ("zcf/judge.py", "import analytics", "analytics"),
    ("zcf/judge.py", "from .other import x\n", "analytics.balance"),
    ("analytics/flows.py", "import asyncio", "asyncio"),
    ("analytics/flows.py", "from time import monotonic", "time.monotonic"),
    ("analytics/flows.py", "from metering import config", "metering.config"),
    ("analytics/flows.py", "from .fetch import rows", "sqlite3"),
    ("collector/profile.py", "from ruamel.yaml import YAML", "ruamel.yaml.YAML"),
    ("metering/period.py", "from datetime import UTC, datetime\nx = datetime.now(UTC)", "datetime.now"),
]


@pytest.mark.parametrize(("file", "text", "named"), PLANTED)
def test_a_planted_violation_is_found_by_file_and_import(tmp_path: Path, file: str, text: str, named: str) -> None:
    copy_house(tmp_path)
    (tmp_path / "zcf/other.py").write_text("import analytics.balance\n", encoding="utf-8")
    (tmp_path / "analytics/fetch.py").write_text("import sqlite3\n", encoding="utf-8")
    before = faults_of(tmp_path)
    (tmp_path / file).write_text(text, encoding="utf-8")
    new = set(faults_of(tmp_path)) - set(before)
    origin = {"from .other import x\n": "zcf/other.py", "from .fetch import rows": "analytics/fetch.py"}.get(text, file)
    assert any(fault.startswith(f"{origin}:") and named in fault for fault in new), new


def test_profiles_may_read_their_files_through_the_strict_reader(tmp_path: Path) -> None:
    copy_house(tmp_path)
    (tmp_path / "metering/config.py").write_text("from ruamel.yaml import YAML\n", encoding="utf-8")
    (tmp_path / "collector/profile.py").write_text("from metering import config\n", encoding="utf-8")
    assert [fault for fault in faults_of(tmp_path) if fault.startswith("collector/profile.py")] == []


def copy_house(to: Path) -> None:
    """Copy the Python files of the five packages."""
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            target = to / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
