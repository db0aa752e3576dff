# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invariant 13: values that may be secret are nowhere but in the worker and in its 0600 record."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.hodei.workers.tests.support.playbook import Site, task

CANARY = "cAnArY-7f3a91"


def fields(number: int) -> dict[str, object]:
    """Return a worker's fields with a value that may be secret; ``number`` tells it from others."""
    return {"command": ["sleep", "infinity"], "env": {"PASSWORD": f"{CANARY}-env-{number}"}}


def files_with_the_canary(site: Site) -> list[str]:
    found = []
    for folder, _unused, names in os.walk(site.place):
        for name in names:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.stat(path).st_mode):
                with open(path, "rb") as file:
                    if CANARY.encode() in file.read():
                        found.append(path)
    return found


def test_canaries_stay_in_the_worker(site: Site, tmp_path: Path) -> None:
    """Plan, saved plan, converge, change, failure, refusal, looking, with -vvvv and --diff: in no output, result or file of ours."""
    site.environment["CANARY_ENV"] = f"{CANARY}-host"
    leaks: dict[str, Any] = {
        "name": "leaks",
        "restart": "never",
        "command": ["sh", "-c", "echo password is $PASSWORD; exit 3"],
    }
    leaks |= {"env": {"PASSWORD": f"{CANARY}-log"}}
    site.set(hodei_providers={"local": {"type": "process", "settle": "2s"}})  # for who ends at once to be seen doing so
    fleet = [{"name": "a", **fields(1), "env_from_host": ["CANARY_ENV"]}]
    other = [{"name": "a", **fields(2)}, leaks]
    wrong = [{"name": "a", **fields(3), "environment": {"PASSWORD": f"{CANARY}-misspelt"}}]
    values, document = tmp_path / "values.yml", tmp_path / "fleet.yml"
    values.write_text(yaml.safe_dump({"fleet": fleet, "other": other, "wrong": wrong}))
    document.write_text(yaml.safe_dump({"workers": other}))
    single = {name: f"{{{{ other.0.{name} }}}}" for name in ("name", "env", "command")}
    ask = ["sh", "-c", 'printf %s "$PASSWORD" | wc -c']
    play = site.write_play(
        [
            task("fleet_init"),
            task("fleet_plan", path=str(site.place / "saved.plan"), workers="{{ fleet }}"),
            task("fleet", workers="{{ fleet }}"),
            task("fleet", document=str(document)),
            task("fleet", workers="{{ wrong }}"),
            task("worker_info", workers="{{ fleet }}"),
            task("fleet_info", workers="{{ fleet }}"),
            task("worker", {**single, "state": "restarted"}),
            task("worker_exec", address="a", command=ask),
        ]
    )
    done = site.run(play, "-e", f"@{values}", "-vvvv", "--diff")
    saved, made, changed, refused, info, _unused, restarted, asked = done.results[1:]
    assert saved["changed"]
    assert made["changed"]
    assert not made["failed"]
    assert changed["failed"]
    assert "exited with code 3; its last output: password is" in changed["msg"]
    assert "unknown field 'environment'; did you mean env?" in refused["msg"]
    assert info["workers"]
    assert not restarted["failed"]
    assert asked["stdout"] == f"{len(CANARY) + len('-env-2')}\n", "the worker itself has it"

    assert CANARY not in done.output
    kept = files_with_the_canary(site)
    assert any("/records/" in path for path in kept), "the search finds what is there"
    for path in kept:
        assert "/records/" in path or "/logs/" in path, path
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
