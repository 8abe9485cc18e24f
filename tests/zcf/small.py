"""The example's works with five devices of five kinds, and `zcf demo` over them as users start it."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from simulators.prepare import with_start
from tests.harness.ports import free_port
from tests.zcf.fairness import Watch, excuse

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "deploy" / "example"
KEPT = {"m_grid", "m_pv_1", "gas", "s_office", "n_line_1"}


def make_small(folder: Path, *, days: int = 2, faults: str = "", faults_from_s: int = 0) -> Path:
    """A demo's folder whose site and plant have five devices; faults count from so long after now."""
    folder.mkdir(parents=True, exist_ok=True)
    site = (EXAMPLE / "site.yaml").read_text(encoding="utf-8")
    (folder / "site.yaml").write_text(_fewer(site), encoding="utf-8")
    now = datetime.now(UTC)
    start_ms = int(now.timestamp() * 1000) + faults_from_s * 1000
    plant = (EXAMPLE / "plant.yaml").read_text(encoding="utf-8")
    plant = with_start(plant, (now - timedelta(days=days + 2)).date(), start_ms)
    (folder / "plant.yaml").write_text(_fewer(plant), encoding="utf-8")
    if faults:
        (folder / "faults.yaml").write_text(faults, encoding="utf-8")
    return folder


def _fewer(text: str) -> str:
    yaml = YAML(typ="rt")
    yaml.width = 10_000
    document = yaml.load(text)
    document["devices"] = [d for d in document["devices"] if d["id"] in KEPT]
    links = {d["link"] for d in document["devices"]}
    document["links"] = [link for link in document["links"] if link["id"] in links]
    if "points" in document:
        document["points"] = [_on_grid(p) for p in document["points"] if p.get("device") in KEPT]
    out = StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _on_grid(point: Any) -> Any:
    if point.get("parent"):
        point["parent"] = "grid"
    return point


def environment() -> dict[str, str]:
    """The user's, with the checkout in reach."""
    kept = {name: value for name, value in os.environ.items() if name != "ZCF_STORE"}
    return {**kept, "PYTHONPATH": str(ROOT)}


@contextmanager
def demo(folder: Path, *words: object) -> Iterator["subprocess.Popen[str]"]:
    """`zcf demo` as a process, on ports that nobody else wants; it is ended with the block."""
    if not (state := folder / "demo.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        state.write_text(json.dumps({"page_port": free_port()}), encoding="utf-8")
    command = [sys.executable, "-P", "-m", "zcf", "demo", "--dir", str(folder), "--json", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    watch = Watch(process.pid)
    process.__dict__.update(folder=folder, held_up=watch.spans)
    try:
        yield process
    finally:
        watch.close()
        if process.poll() is None:
            process.terminate()
        process.communicate()


def last_line(process: "subprocess.Popen[str]", seconds: float) -> dict[str, Any]:
    """What a demo that ended printed last, judged by what this computer did to it meanwhile."""
    said, complained = process.communicate(timeout=seconds)
    assert said, complained
    return excuse(json.loads(said.splitlines()[-1]), process.__dict__["folder"], process.__dict__["held_up"])


def ended(process: "subprocess.Popen[str]", seconds: float = 300) -> dict[str, Any]:
    """The last line of a demo that is told to end now, as by Ctrl-C."""
    process.send_signal(signal.SIGINT)
    return last_line(process, seconds)


def reasons_of(found: dict[str, Any]) -> set[str]:
    """Why polls are missing, but for those that this computer held up."""
    return set(Counter(found["ticks"]["reasons"]) - Counter(found["excused"]))


def run_demo(folder: Path, *words: object, seconds: float = 600) -> dict[str, Any]:
    """A demo from start to end."""
    with demo(folder, *words) as process:
        return last_line(process, seconds)
