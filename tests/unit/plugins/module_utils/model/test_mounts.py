# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/secrets/mounts.md shows is a document as it is written there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "galaxy.yml").is_file())
TEXT = (ROOT / "docs" / "secrets" / "mounts.md").read_text()


def test_the_worker_of_the_page() -> None:
    (workers,) = re.findall(r"```yaml\n(hodei_workers:.*?)```", TEXT, re.DOTALL)
    lineage = "0c6f1f0e-5f0e-4d53-9a0e-3d8f5f2a7c11"
    fragment = Fragment(yaml.safe_load(workers)["hodei_workers"])
    raw = RawDocument("ci", lineage, [fragment], stores={"local": {"type": "local"}})
    document = parse(raw, key=b"key", provider_schemas={"process": {}}, store_schemas={"local": {}})
    assert [len(one.mounts) for one in document.instances] == [3, 3]
