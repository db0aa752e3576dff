# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents as people break them, one file each: every message names the place and the cure."""

from __future__ import annotations

from pathlib import Path

import yaml

from ansible_collections.hodei.workers.tests.support.playbook import Site, task

BROKEN = Path(__file__).parent / "broken"
EXPECTED: dict[str, list[str]] = yaml.safe_load((BROKEN / "expected.yml").read_text())


def test_every_file_has_its_words() -> None:
    """And there are enough of them."""
    assert EXPECTED.keys() == {path.name for path in BROKEN.iterdir()} - {"expected.yml"}
    assert len(EXPECTED) >= 70


def test_each_message_names_the_place_and_the_cure(site: Site) -> None:
    """Through Ansible, in one play; nothing is made of any of them."""
    for name in EXPECTED:
        (site.place / name).write_bytes((BROKEN / name).read_bytes())
    told = site.tasks(task("fleet_init"), *(task("fleet", document=name) for name in EXPECTED))[1:]
    wrong = []
    for (name, words), result in zip(EXPECTED.items(), told, strict=True):
        missing = [word for word in (name, *words) if word not in result.get("msg", "")]
        if missing or not result["failed"] or "bug of hodei" in result["msg"]:
            wrong.append(f"{name}: {missing} in: {result.get('msg')}")
    assert not wrong, "\n".join(wrong)
    assert not site.pids()
