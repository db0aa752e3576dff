# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""What `make test` runs: the gates, the pytest suites, the coverage floor, the final checks, and one closing line.

`python tools/suites.py [--no-lint] [suite ...]`. A suite is a folder under tests/. With suites named, only those run, and
no floor is asked of the coverage. A failure anywhere does not stop the rest, so that one run tells everything.
The closing line is 'N passed, N failed': each gate and final check counts as one test that failed if it did.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import leftovers

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".cache" / "results"
COVERAGE = ROOT / ".cache" / "coverage"
RUN = uuid.uuid4().hex  # marks every process of this run
NO_TESTS = 5  # pytest's exit code when a suite is empty


@dataclass(frozen=True)
class Suite:
    """A folder of tests, how many processes may run it, and how long one test may take.

    ``covers``: what it runs is measured. Measuring costs kill matrices more than half of their time, for their children write it down
    whenever one dies; what they reach, the other suites reach, too.
    """

    name: str
    processes: int
    timeout: int
    covers: bool = False

    def command(self) -> list[str]:
        command = [sys.executable, "-m", "pytest", f"tests/{self.name}", "-p", "hodei_results"]
        soak = 6 if os.environ.get("HODEI_SOAK") else 1
        command += [f"--timeout={self.timeout * soak}", "--durations=5", "--durations-min=5"]
        command += ["--cov", "--cov-append", "--cov-report="] if self.covers else ["-p", "no:cov"]
        if self.processes > 1:
            command += ["-n", str(self.processes), "--dist", "loadgroup"]
        return command


SUITES = (
    Suite("unit", processes=2, timeout=180, covers=True),
    Suite("conformance", processes=3, timeout=300, covers=True),  # most of its time it waits
    Suite("integration", processes=2, timeout=600),
    Suite("faults", processes=3, timeout=900),  # they wait, too
)


def say(text: str) -> None:
    print(text, flush=True)


def run(name: str, command: list[str], env: dict[str, str] | None = None, good: Collection[int] = (0,)) -> bool:
    """Run one step, tell how long it took, and whether it succeeded."""
    started = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode
    say(f"[{name}: {'ok' if code in good else f'failed, exit {code}'}, {time.monotonic() - started:.0f} s]")
    return code in good


def environment(suite: Suite) -> dict[str, str]:
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT / "tools" / "pytest_plugin")]
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(paths),
        "HODEI_TEST_RUN": RUN,
        "HODEI_RESULTS": str(RESULTS / f"{suite.name}.jsonl"),
    }


def run_suite(suite: Suite) -> bool:
    """Run one folder; an absent or empty one is no failure here (that no test ran at all is, in the end)."""
    if not (ROOT / "tests" / suite.name).is_dir():
        say(f"[{suite.name}: no such folder yet]")
        return True
    say(f"--- tests/{suite.name}")
    return run(suite.name, suite.command(), environment(suite), good=(0, NO_TESTS))


def outcomes() -> collections.Counter[str]:
    counts: collections.Counter[str] = collections.Counter()
    for path in sorted(RESULTS.glob("*.jsonl")):
        counts.update(json.loads(line)["outcome"] for line in path.read_text().splitlines())
    return counts


def none_left_behind() -> bool:
    left = leftovers.end(f"HODEI_TEST_RUN={RUN}")
    for line in left:
        say(line)
    say(f"[processes: {f'failed, {len(left)} outlived the tests' if left else 'ok'}]")
    return not left


def final_checks(whole: bool) -> list[bool]:
    """What can be judged only after the suites: left processes, the coverage floor, the ledger against what ran."""
    checks = [none_left_behind()]
    if not whole:
        return checks
    if (ROOT / "molecule").is_dir():
        checks.append(run("molecule", ["make", "molecule"]))
    if any(COVERAGE.glob("data*")):
        checks.append(run("coverage", [sys.executable, "-m", "coverage", "report", "--fail-under=85"]))
    checks.append(run("ledger", [sys.executable, "tools/ledger.py"]))
    return checks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-lint", action="store_true", help="leave the gates out")
    parser.add_argument("suite", nargs="*", choices=[*(suite.name for suite in SUITES), []])
    options = parser.parse_args()
    whole = not options.suite
    suites = [suite for suite in SUITES if whole or suite.name in options.suite]
    for stale in (RESULTS, COVERAGE):
        shutil.rmtree(stale, ignore_errors=True)
        stale.mkdir(parents=True)

    started = time.monotonic()
    steps = []
    if whole and not options.no_lint:
        steps.append(run("lint", ["make", "lint"]))
    suites_passed = [run_suite(suite) for suite in suites]
    counts = outcomes()
    steps += final_checks(whole)
    passed = counts["passed"] + counts["xfailed"]
    if not passed and not counts["failed"]:
        say("no test ran")
        steps.append(False)
    if not all(suites_passed) and not counts["failed"]:
        steps.append(False)  # pytest itself broke, or a suite ran out of time, without naming a test
    failed = counts["failed"] + steps.count(False)
    say(f"[all: {time.monotonic() - started:.0f} s]")
    say(f"{passed + steps.count(True)} passed, {failed} failed, {counts['skipped']} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
