# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads an inventory file as Ansible does, in a process of its own: from the file to hosts, loading the plugin included."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path


def measure(path: Path, count: int) -> float:
    """Return the seconds that it takes to list so many hosts. Raises RuntimeError when there are others."""
    ended = subprocess.run([sys.executable, __file__, str(path)], capture_output=True, text=True, check=False)
    found = json.loads(ended.stdout) if ended.returncode == 0 else {}
    if found.get("hosts") != count:
        raise RuntimeError(f"expected {count} hosts: {ended.stdout}{ended.stderr}")
    return float(found["seconds"])


def list_hosts(path: str) -> dict[str, float]:
    """Read one file."""
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader()
    loader = DataLoader()
    began = time.perf_counter()
    hosts = InventoryManager(loader, sources=[path]).get_hosts()
    return {"seconds": time.perf_counter() - began, "hosts": len(hosts)}


if __name__ == "__main__":
    print(json.dumps(list_hosts(sys.argv[1])))
