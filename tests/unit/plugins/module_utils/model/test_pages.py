# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents that pages about secrets show are valid, and name fields that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.tests.support.generated_values import made
from ansible_collections.hodei.workers.tests.support.secret_fleets import secrets

PAGES = next(folder for folder in Path(__file__).resolve().parents if (folder / "galaxy.yml").is_file()) / "docs"


def shown(page: str) -> dict[str, Any]:
    """The first document of a page."""
    (first, *_others) = re.findall(r"```yaml\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(first)
    return found


@pytest.mark.parametrize("page", ["secrets/README.md", "secrets/mounts.md"])
def test_a_document(page: str) -> None:
    found = shown(page)
    assert secrets(found["hodei_secrets"], workers=found.get("hodei_workers", [])).secrets


def test_the_fields_that_a_worker_is_given() -> None:
    found = shown("secrets/mounts.md")
    generated = {one["name"]: made(one["generate"]) for one in found["hodei_secrets"]}
    for mount in found["hodei_workers"][0]["secrets"]:
        if "field" in mount:
            assert mount["field"] in yaml.safe_load(generated[mount["secret"]].text())
