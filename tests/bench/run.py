# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: measures against the targets, medians of at least five runs, and writes bench/results.{md,json}.

`make bench BENCH="--runs 7 --only tasks"` measures one part, and leaves the figures of the others as they are: tasks (1,000 workers
three ways), engine (10,000 in process), single (one worker), inventory (1,000 hosts), drain (1,000 workers asked), secrets
(200 lookups), store (10,000 secrets; 500 that do not change), access (1,000 rules), docker (containers, beside the Engine's bare
API and a loop).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

sys.path.insert(0, str(Path(__file__).resolve().parent))

import access
import containers
import drain
import in_process
import inventory
import lookups
import stores
from ansible_run import HERE, Bed

ROOT = HERE.parent.parent
COUNT = 1000
MANY, SECRETS = 10_000, 500
SLEEP = ["/bin/sleep", "infinity"]


class Row(NamedTuple):
    """One figure: what, the median, the smallest and largest, the unit, and the target where there is one."""

    what: str
    median: float
    low: float
    high: float
    unit: str
    target: float | None = None


def row(what: str, values: list[float], unit: str, target: float | None = None) -> Row:
    """Sum up repeated measurements."""
    return Row(what, statistics.median(values), min(values), max(values), unit, target)


def tasks(bed: Bed, runs: int) -> list[Row]:
    """Measure 1,000 workers: one entry with a count, 1,000 entries in a document, 1,000 entries inline."""
    entries = [{"name": f"sleeper-{n}", "command": SLEEP} for n in range(COUNT)]
    counted, document = bed.directory / "counted.yml", bed.directory / "document.json"
    counted.write_text(json.dumps({"workers": [{"name": "sleeper", "count": COUNT, "command": SLEEP}]}))
    document.write_text(json.dumps({"workers": entries}))
    one = bed.directory / "one.json"
    one.write_text(json.dumps({"workers": [{"name": "sleeper-0", "command": SLEEP}]}))
    rows: list[Row] = []
    single = repeat(runs, lambda: noop_of(bed, {"document": str(one)}))
    ways: list[tuple[str, dict[str, Any]]] = [
        ("one entry, count: 1000", {"document": str(counted)}),
        ("1,000 entries, document", {"document": str(document)}),
        ("1,000 entries, inline", {"inline": entries}),
    ]
    for name, extra in ways:
        found = [bed.run("empty,create,noop,destroy", extra) for _unused in range(runs)]
        inline = "inline" in extra
        rows.append(row(f"{name}: create", [one["create"] for one in found], "s", None if inline else 5.0))
        rows.append(row(f"{name}: no-op", [one["noop again"] for one in found], "s", None if inline else 2.5))
        rows.append(row(f"{name}: destroy", [one["destroy"] for one in found], "s", None if inline else 3.0))
        if inline:
            ratios = [one["noop again"] / one["empty again"] for one in found]
            rows.append(row(f"{name}: no-op, against an empty module with the same list", ratios, "x", 1.2))
        else:
            extra_ms = [(one["noop again"] - single) / (COUNT - 1) * 1000 for one in found]
            rows.append(row(f"{name}: no-op, for each extra worker", extra_ms, "ms", 0.5))
    rows.append(progress(statistics.median(one["create"] for one in found)))
    return rows + memory(bed, {"document": str(counted)})


def progress(create: float) -> Row:
    """Measure what telling the progress of 1,000 workers takes of making them (``create`` seconds)."""
    from ansible_collections.hodei.workers.plugins.module_utils.ansible.progress import ProgressFile

    shares = []
    with tempfile.TemporaryDirectory(prefix="hodei-bench-") as place:
        for number in range(5):
            told, change = ProgressFile(f"{place}/{number}"), cast("Any", None)
            started = time.perf_counter()
            told.planned(COUNT)
            for _unused in range(COUNT):
                told.began(change)
                told.ended(change, None, 0.0)
            shares.append((time.perf_counter() - started) / create * 100)
            told.close()
    return row("telling the progress of 1,000 workers: share of making them", shares, "%", 1.0)


def noop_of(bed: Bed, extra: dict[str, Any]) -> float:
    """Return the time of a no-op converge of a small document; it is created and destroyed around it."""
    return bed.run("create,noop,destroy", extra)["noop again"]


def memory(bed: Bed, extra: dict[str, Any]) -> list[Row]:
    """Measure the peak of the module, and the supervisor while 1,000 workers run."""
    peaks = bed.directory / "peaks"
    os.environ |= {"BENCH_PEAKS": str(peaks), "BENCH_REAL_PYTHON": sys.executable}
    bed.run("create,noop", extra, python=str(HERE / "measured_python"))
    module = [int(line) / 1024 for line in peaks.read_text().split()]
    resident, share = supervisor()
    bed.run("destroy", extra)
    return [
        row("peak memory of a module converging 1,000 workers", [max(module)], "MiB"),
        row("supervisor of 1,000 workers: memory", [resident], "MiB", 50.0),
        row("supervisor of 1,000 workers: share of a core over 10 s", [share], "%", 2.0),
    ]


def supervisor() -> tuple[float, float]:
    """Return resident MiB and CPU percent of the supervisor of this bench."""
    pid = next(
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"supervisor-" in path.read_bytes() and b"/bench/" in path.read_bytes()
    )
    status = Path(f"/proc/{pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
    before, started = cpu_ticks(pid), time.monotonic()
    time.sleep(10)
    share = (cpu_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - started) * 100
    return resident, share


def cpu_ticks(pid: int) -> int:
    """Return the CPU time of a process in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def single(bed: Bed, runs: int) -> list[Row]:
    """Measure what one task with one worker costs above an empty module: the first of a play, and the next ones."""
    one = bed.directory / "single.json"
    one.write_text(json.dumps({"workers": [{"name": "sleeper", "command": SLEEP}]}))
    bed.run("create", {"document": str(one)})
    first, following = [], []
    for _unused in range(runs):
        empty = bed.run("empty", {})
        ours = bed.run("noop", {"document": str(one)})
        first.append(ours["noop"] - empty["empty"])
        following.append(ours["noop again"] - empty["empty again"])
    bed.run("destroy", {"document": str(one)})
    return [
        row("one worker, no-op: first task of a play, above an empty module", first, "s", 0.30),
        row("one worker, no-op: next task, pipelining, above an empty module", following, "s", 0.15),
    ]


def engine(bed: Bed, runs: int) -> list[Row]:
    """Measure validating and planning in process, without Ansible."""
    found = {count: [in_process.measure(count) for _unused in range(runs)] for count in (2500, 5000, 10_000)}
    rows = [
        row(
            f"validate and plan {count:,} workers", [one.seconds for one in many], "s", 2.0 if count == 10_000 else None
        )
        for count, many in found.items()
    ]
    rows.append(row("the same, 10,000 workers: memory", [one.mebibytes for one in found[10_000]], "MiB", 300.0))
    growth = [big.seconds / small.seconds for big, small in zip(found[10_000], found[2500], strict=True)]
    rows.append(row("growth from 2,500 to 10,000 workers (linear: 4)", growth, "x", 4.8))
    return rows


def hosts(bed: Bed, runs: int) -> list[Row]:
    """Measure the inventory plugin: 1,000 workers as hosts."""
    counted = bed.directory / "hosts.json"
    counted.write_text(json.dumps({"workers": [{"name": "sleeper", "count": COUNT, "command": SLEEP}]}))
    bed.run("create", {"document": str(counted)})
    listing = bed.directory / "bench.hodei.yml"
    place = {"path": str(bed.directory / "state" / "bench")}
    listing.write_text(json.dumps({"plugin": "hodei.workers.workers", "owner": "bench", "backend": place}))
    seconds = [inventory.measure(listing, COUNT) for _unused in range(runs)]
    bed.run("destroy", {"document": str(counted)})
    return [row("inventory plugin: 1,000 workers as hosts, loading it included", seconds, "s", 1.0)]


def draining(bed: Bed, runs: int) -> list[Row]:
    """Measure asking 1,000 workers whether they work."""
    seconds = drain.measure(bed.directory / "drain", COUNT, runs)
    return [row("drain: 1,000 workers asked by a command each, in one pass", seconds, "s")]


def secrets(bed: Bed, runs: int) -> list[Row]:
    """Measure the lookup: by the clock in one task, and 200 of them in a playbook."""
    place = bed.directory / "lookups"
    place.mkdir(mode=0o700)
    lookups.prepare(place)
    clocks = [lookups.clock(place) for _unused in range(runs)]
    plays = [lookups.measure(place) for _unused in range(runs)]
    return [
        row(
            "lookup: a cached value, one round trip, recorded in the audit chain",
            [one["trip"] for one in clocks],
            "ms",
            1.0,
        ),
        row("lookup: a task's first, loading the plugin included", [one["first"] for one in clocks], "ms", 20.0),
        row("lookup: one more in the same task, with its template", [one["more"] for one in clocks], "ms"),
        row("lookup: the first of a playbook, starting the broker", [one["start"] for one in clocks], "ms"),
        row("200 lookups, 20 hosts, 5 forks: the whole playbook", [one.seconds for one in plays], "s"),
        row("200 lookups, 20 hosts, 5 forks: above the same without lookups", [one.extra for one in plays], "s"),
        row("200 lookups, 20 hosts, 5 forks: logins", [float(one.logins) for one in plays], "", 1.0),
    ]


def keeping(bed: Bed, runs: int) -> list[Row]:
    """Measure the embedded store: opened with many secrets, or many versions, and converged when nothing changes."""
    found = []
    for count, versions in ((2500, 1), (MANY, 1), (250, 10), (250, 40)):
        place = bed.directory / f"store-{count}-{versions}"
        stores.prepare(place, count, versions)
        found.append([stores.measure(place, count) for _unused in range(runs)])
    few, many, short, long = found
    document = {"hodei_secrets": [{"name": f"s/{number}", "generate": "token"} for number in range(SECRETS)]}
    made = bed.run("create", document)["create"]
    same = [bed.run("noop", document)["noop"] for _unused in range(runs)]
    bed.run("destroy", document)
    return [
        row("10,000 secrets: opened and one read, imports included", [one["all"] for one in many], "ms", 500),
        row("10,000 secrets: opened and one read", [one["read"] for one in many], "ms"),
        row("10,000 secrets: listed", [one["list"] for one in many], "ms"),
        row("list, growth from 2,500 to 10,000 secrets (linear: 4)", ratios(many, few), "x", 4.8),
        row("list, growth from 10 to 40 versions of each secret (linear: 4)", ratios(long, short), "x", 4.8),
        row("Argon2id of a passphrase, once for each login", [stores.argon2() for _unused in range(runs)], "ms"),
        row("500 secrets: create", [made], "s"),
        row("500 secrets: no-op", same, "s", 1.0),
    ]


def ratios(many: list[dict[str, float]], few: list[dict[str, float]]) -> list[float]:
    """Return how many times as long lists of the larger store take."""
    return [one["list"] / other["list"] for one, other in zip(many, few, strict=True)]


def deciding(_bed: Bed, runs: int) -> list[Row]:
    """Measure who may do what with a secret."""
    found = [access.measure(1000, 10_000) for _unused in range(runs)]
    return [
        row("access: 1,000 rules by name, 99th percentile", [one["names"] for one in found], "ms", 1.0),
        row("access: 1,000 rules with patterns, 99th percentile", [one["patterns"] for one in found], "ms", 1.0),
        row("access: 10,000 secrets sorted out for a list", [one["list"] for one in found], "ms"),
        row("access: the same for their owner", [one["owner's list"] for one in found], "ms"),
    ]


def docker(bed: Bed, runs: int) -> list[Row]:
    """Measure 20 and 100 containers: made, looked at, destroyed."""
    rows: list[Row] = []
    start, single = containers.start_up(bed, runs), 0.0
    with containers.an_engine() as engine:
        for count, faster in ((1, None), (20, 1 / 25), (100, 1 / 100)):
            found = containers.measure(bed, engine, count, runs if count < 100 else max(3, runs // 2))
            noop = [one["noop again"] for one in found.ours]
            if faster is None:
                single = statistics.median(noop)
                continue
            bare = [one["create"] / (seconds + start) for one, seconds in zip(found.ours, found.raw, strict=True)]
            shares = [one["noop again"] / other["loop noop"] for one, other in zip(found.ours, found.loop, strict=True)]
            name = f"{count} containers"
            rows += [
                row(f"{name}: create", [one["create"] for one in found.ours], "s"),
                row(f"{name}: create by the bare API, {found.concurrency} at once", found.raw, "s"),
                row(f"{name}: create, against the bare API and an empty module", bare, "x", 1.25),
                row(f"{name}: create by community.docker in a loop", [one["loop create"] for one in found.loop], "s"),
                row(f"{name}: no-op", noop, "s"),
                row(f"{name}: no-op by community.docker in a loop", [one["loop noop"] for one in found.loop], "s"),
                row(f"{name}: no-op, share of the loop's time", shares, "x", faster),
                row(
                    f"{name}: no-op, for each extra container",
                    [(s - single) / (count - 1) * 1000 for s in noop],
                    "ms",
                    2.0,
                ),
                row(f"{name}: destroy", [one["destroy"] for one in found.ours], "s"),
                row(f"{name}: destroy by community.docker in a loop", [one["loop destroy"] for one in found.loop], "s"),
                row(f"{name}: requests of a no-op", [float(containers.requests_of_a_noop(engine, count))], ""),
            ]
        rows.append(row("peak memory of a module making 100 containers", [containers.peak(bed, engine, 100)], "MiB"))
    return rows


def repeat(runs: int, measure: Callable[[], float]) -> float:
    """Return the median of repeated measurements."""
    return statistics.median(measure() for _unused in range(runs))


def table(rows: list[Row]) -> str:
    """Render the figures as a Markdown table."""
    lines = ["| figure | median | min | max | target |", "|---|---:|---:|---:|---:|"]
    for one in rows:
        target = "" if one.target is None else f"<= {one.target:g} {one.unit}"
        verdict = "" if one.target is None or one.median <= one.target else " (missed)"
        lines.append(
            f"| {one.what} | {one.median:.3g} {one.unit}{verdict} | {one.low:.3g} | {one.high:.3g} | {target} |"
        )
    return "\n".join(lines) + "\n"


def report(parts: dict[str, Any]) -> str:
    """Render what was measured, each part with when and where that was."""
    found = [parts[name] for name in PARTS if name in parts]
    return "\n".join(f"Measured {one['measured']}.\n\n{table([Row(**row) for row in one['rows']])}" for one in found)


def machine() -> str:
    """Say where and when this was measured."""
    return f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


PARTS: dict[str, Callable[[Bed, int], list[Row]]] = {
    "engine": engine,
    "single": single,
    "inventory": hosts,
    "drain": draining,
    "secrets": secrets,
    "store": keeping,
    "access": deciding,
    "tasks": tasks,
    "docker": docker,
}


def main() -> int:
    """Measure, print, and write bench/results.md and bench/results.json, where what is not measured anew stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    results = ROOT / "bench" / "results.json"
    kept = json.loads(results.read_text()) if results.exists() else {}
    with tempfile.TemporaryDirectory(prefix="hodei-bench-") as directory:
        bed = Bed(Path(directory))
        for part in [options.only] if options.only else PARTS:
            rows = [one._asdict() for one in PARTS[part](bed, options.runs)]
            kept[part] = {"measured": f"{machine()}; medians of {options.runs} runs", "rows": rows}
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(kept, indent=2) + "\n")
    text = report(kept)
    results.with_suffix(".md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
