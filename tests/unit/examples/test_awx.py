# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credential type of AWX gives a job what the store's key sources read.

Rendered as AWX does it (``inject_credential`` in awx/main/models/credential): by Jinja2's immutable sandbox, files with mode 0600 below
the job's private directory, their paths as ``tower.filename.<label>``.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import Stretch, key_source

TYPE = Path(__file__).parents[3] / "examples" / "awx" / "credential-type.yml"
KEY = base64.b64encode(bytes(range(32))).decode()
CHEAP = Stretch(bytes(16), memory=64, time=1, parallelism=1)


@pytest.fixture
def credential_type() -> dict[str, Any]:
    """What is imported."""
    found: dict[str, Any] = yaml.safe_load(TYPE.read_text())
    return found


def job(credential_type: Mapping[str, Any], credential: Mapping[str, str], private: Path) -> dict[str, str]:
    """Return the environment of a job that has a credential."""
    render = ImmutableSandboxedEnvironment().from_string
    files = SimpleNamespace()
    for label, template in credential_type["injectors"]["file"].items():
        path = private / label
        path.write_text(render(template).render(**credential))
        path.chmod(0o600)
        setattr(files, label.partition(".")[2], str(path))
    names = {**credential, "tower": SimpleNamespace(filename=files)}
    return {name: render(template).render(**names) for name, template in credential_type["injectors"]["env"].items()}


def test_the_type_is_one_that_awx_takes(credential_type: dict[str, Any]) -> None:
    assert set(credential_type) == {"name", "description", "kind", "inputs", "injectors"}
    assert credential_type["kind"] == "cloud"
    (field,) = credential_type["inputs"]["fields"]
    assert field["type"] == "string"
    assert field["secret"] is True
    assert credential_type["inputs"]["required"] == [field["id"]]
    assert not [name for name in credential_type["injectors"]["env"] if name.startswith("ANSIBLE_")], (
        "AWX refuses these"
    )


def test_the_key_and_the_passphrase_arrive(credential_type: dict[str, Any], tmp_path: Path) -> None:
    environment = job(credential_type, {"key": KEY}, tmp_path)
    file = {"file": environment["HODEI_STORE_KEY_FILE"]}
    assert key_source(file).secret(None).reveal() == bytes(range(32))
    assert KEY not in environment.values()
    job(credential_type, {"key": "four words of mine"}, tmp_path)
    assert len(key_source({"passphrase": file}).secret(CHEAP).reveal()) == 32
    with pytest.raises(HodeiError, match="is no key"):
        key_source(file).secret(None)


def test_a_file_that_others_can_read_is_refused(credential_type: dict[str, Any], tmp_path: Path) -> None:
    """So it matters that AWX writes it with 0600."""
    environment = job(credential_type, {"key": KEY}, tmp_path)
    os.chmod(environment["HODEI_STORE_KEY_FILE"], 0o644)
    with pytest.raises(HodeiError, match=r"0644|others"):
        key_source({"file": environment["HODEI_STORE_KEY_FILE"]}).secret(None)
