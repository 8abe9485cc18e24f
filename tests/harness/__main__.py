"""`python -m tests.harness --tier smoke|chaos --seed N [--mutants]`: nothing is lost, doubled or invented."""

import argparse
import asyncio
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tests.harness.judge import VOID, judged, report, show
from tests.harness.plan import make_plan
from tests.harness.record import now_ms
from tests.harness.stage import Stage
from tests.harness.subject import ROOT
from tests.harness.tiers import MUTANTS, SOUND, TIERS, Tier, mutant_tier, order

SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/usr/bin:/bin"


async def play(folder: Path, tier: Tier, seed: int, mutant: str = "") -> list[str]:
    """One run from beginning to end; what must have happened in it."""
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path=SYSTEM_PATH)
    if mosquitto is None:
        raise SystemExit("needs mosquitto; on Debian: apt install mosquitto")
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a cut connection is no news here
    plan = make_plan(seed, tier.single, tier.gateways, tier.publishers, tier.serial, tier.converted)
    plan.crowded = tier.crowded
    stage = Stage(folder, plan, mosquitto, mutant, image=bool(tier.imaged))
    rnd = random.Random(seed)
    await stage.open()
    try:
        await asyncio.sleep(4)
        for act in order(tier, seed):
            begun = time.monotonic()
            await act(stage, rnd)
            stage.record.write("act", t=now_ms(), name=act.__name__, s=time.monotonic() - begun)
            say(f"{act.__name__}: {time.monotonic() - begun:.0f} s")
            await asyncio.sleep(2)
        await _wind_down(stage, tier)
    finally:
        await stage.close()
    if stage.no_guard:
        say(f"not run, for want of the guard ({stage.no_guard}): {', '.join(tier.guarded)}")
    if stage.no_image and tier.imaged:
        say(f"not run, for want of a mount ({stage.no_image}): {', '.join(tier.imaged)}; their twins ran")
    say("not run: packet loss by nft, limits by cgroup; mute and late answers, a slow and a deaf sink stand for them")
    return [*tier.must, *(() if stage.no_guard else tier.guarded), *(() if stage.no_image else tier.imaged)]


async def _wind_down(stage: Stage, tier: Tier) -> None:
    await stage.scrape()
    for one in stage.publishers:
        await asyncio.to_thread(one.stop)
    drained = await stage.drained(tier.drain_s)
    say("drained" if drained else f"NOT drained within {tier.drain_s:g} s")
    await stage.ended("the end")
    await stage.started()  # what was stored in the last moment is delivered by the next start
    await asyncio.sleep(1.5)
    await stage.drained(20)


def settle(folder: Path, mutant: str) -> None:
    """The product's energies, by its own code, in a process of its own."""
    words = [sys.executable, "-m", "tests.harness.mutants", mutant or "none", "", "settle", str(folder / "store")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    body = done.stdout if done.returncode == 0 else json.dumps({})
    (folder / "settled.json").write_text(body)
    if done.returncode:
        say(done.stderr[-500:])


def one_mutant(folder: Path, name: str, seed: int) -> int:
    """Play one mutant; 0 where what should turn red did, and for the sound product where all is green."""
    asyncio.run(play(folder, mutant_tier(name), seed, "" if name == SOUND else name))
    settle(folder, name)
    checks = judged(folder, ())
    report(folder, checks)
    failed = show(checks)
    if name == SOUND:
        return failed
    broken = [check.name for check in checks if not check.passed]
    return int(not any(check.startswith(f"{one} ") for check in broken for one in MUTANTS[name][1]))


def all_mutants(folder: Path, seed: int) -> int:
    """The sound product and every mutant, as many at a time as there are processors; how many were not told apart."""

    def told_apart(name: str) -> bool:
        words = ["--mutant", name, "--seed", str(seed), "--keep", str(folder / name)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.harness", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        right = done.returncode == 0
        colour = "green" if right == (name == SOUND) else "red"
        print(f"{'ok  ' if right else 'FAIL'} {name}: {colour}", flush=True)
        print("".join(f"       {line}\n" for line in done.stdout.splitlines() if "FAIL" in line), end="", flush=True)
        if not right:
            print(done.stdout[-3000:] + done.stderr[-2000:], flush=True)
        return right

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(told_apart, [SOUND, *MUTANTS]))
    print(f"{sum(found)} passed, {len(found) - sum(found)} failed", flush=True)
    return found.count(False)


def run(folder: Path, tier: Tier, seed: int, mutant: str = "") -> int:
    """Play, judge, report; how many checks failed."""
    must = asyncio.run(play(folder, tier, seed, mutant))
    settle(folder, mutant)
    checks = judged(folder, must)
    report(folder, checks)
    return show(checks) or (VOID if any(check.void for check in checks) else 0)


def say(line: str) -> None:
    print(f"  {line}", flush=True)


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.harness", description=__doc__)
    words.add_argument("--tier", choices=sorted(TIERS), default="smoke")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--minutes", type=float, help="how long at least, in place of the tier's own")
    words.add_argument("--mutants", action="store_true", help="the sound product green, and every mutant red")
    words.add_argument("--mutant", choices=[SOUND, *MUTANTS], help="one of them")
    words.add_argument("--keep", type=Path, help="keep the evidence in this folder")
    asked = words.parse_args()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="zcf-harness-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if asked.mutants:
            return min(all_mutants(folder, asked.seed), 1)
        if asked.mutant:
            return min(one_mutant(folder, asked.mutant, asked.seed), 1)
        print(f"tier {asked.tier}, seed {asked.seed}", flush=True)
        tier = TIERS[asked.tier]
        tier = tier if asked.minutes is None else replace(tier, minutes=asked.minutes)
        found = run(folder, tier, asked.seed)
        return found if found == VOID else min(found, 1)
    finally:
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
