# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""meta/runtime.yml knows every module: one that is missing there would run without the hodei_* variables."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
RUNTIME = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
MODULES = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")} - {"__init__"}
OWN = {path.stem for path in (ROOT / "plugins" / "action").glob("*.py")} - {"__init__"}


def test_every_module_is_in_the_action_group() -> None:
    assert set(RUNTIME["action_groups"]["workers"]) == MODULES


def test_every_module_goes_through_an_action_plugin_of_ours() -> None:
    # ansible-test wants an action plugin to bear the name of a module: the one for most bears that of `fleet`
    routed = {name: route["action_plugin"] for name, route in RUNTIME["plugin_routing"]["modules"].items()}
    assert routed == dict.fromkeys(MODULES - OWN, "hodei.workers.fleet")
