# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""The gate of the arrows refuses what it should: a gate that never fails proves nothing."""

from __future__ import annotations

from pathlib import Path

import arrows
import pytest

UTILS = "plugins/module_utils"
US = "ansible_collections.hodei.workers.plugins.module_utils"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(arrows, "ROOT", tmp_path)
    for provider in ("docker", "process"):
        (tmp_path / UTILS / "providers" / provider).mkdir(parents=True)
    return tmp_path


def problems(tree: Path, name: str, code: str) -> list[str]:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    return list(arrows.check(path))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (f"{UTILS}/model/x.py", "from ..engine.plan import plan"),
        (f"{UTILS}/model/x.py", "def f():\n    from .. import resilience"),
        (f"{UTILS}/engine/x.py", f"from {US}.providers import registry"),
        (f"{UTILS}/engine/x.py", f"import {US}.stores.local"),
        (f"{UTILS}/engine/x.py", "from ..resilience.retry import retry"),
        (f"{UTILS}/resilience/x.py", "from ..engine import plan"),
        (f"{UTILS}/durable/x.py", "from ..engine.state import codec"),
        (f"{UTILS}/generators/x.py", "from ..stores.local import store"),
        (f"{UTILS}/engine/x.py", "from ..generators import registry"),
        (f"{UTILS}/stores/local/x.py", "from ...engine.state.keys import load_key"),
        (f"{UTILS}/providers/docker/x.py", "from ...stores.local import Local"),
        (f"{UTILS}/providers/docker/x.py", "from ..process.client import spawn"),
        (f"{UTILS}/providers/docker/x.py", "from .. import process"),
        (f"{UTILS}/providers/process/supervisor/x.py", "import psutil"),
        (f"{UTILS}/providers/process/supervisor/x.py", "from ....model.states import State"),
        (f"{UTILS}/providers/process/supervisor/x.py", "from ..client import Client"),
        (f"{UTILS}/providers/references.py", "from ..model.states import State"),
        (f"{UTILS}/helpers.py", ""),
        (f"{UTILS}/helpers/x.py", ""),
        (f"{UTILS}/providers/registry.py", "import importlib\nimportlib.import_module('x')"),
        (f"{UTILS}/providers/registry.py", "def f():\n    from importlib.metadata import entry_points"),
        (f"{UTILS}/engine/plugins.py", "__import__('x')"),
        ("plugins/modules/worker.py", f"from {US}.engine.plan import plan"),
        ("plugins/lookup/secret.py", "from ..module_utils.stores.local import Local"),
    ],
)
def test_refuses(tree: Path, name: str, code: str) -> None:
    assert problems(tree, name, code)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (f"{UTILS}/model/x.py", "import json\nfrom .states import State\nfrom . import errors"),
        (f"{UTILS}/engine/x.py", "from ..model.states import State"),
        (f"{UTILS}/engine/state/x.py", "from ...durable.connect import snapshot"),
        (f"{UTILS}/stores/local/x.py", "from ...durable.connect import snapshot\nfrom ...model.store import Store"),
        (f"{UTILS}/providers/docker/x.py", "from ...model.ports import Provider\nfrom .client import Client"),
        (f"{UTILS}/providers/docker/x.py", "from ...resilience.retry import retry\nfrom ..selection import choose"),
        (f"{UTILS}/providers/registry.py", "def f():\n    from .docker.provider import Docker"),
        (f"{UTILS}/providers/plugins.py", "from importlib import metadata"),
        (f"{UTILS}/ansible/x.py", "from importlib.metadata import version"),
        (f"{UTILS}/providers/process/supervisor/x.py", "import socket\nfrom .protocol import read\nfrom . import reap"),
        (f"{UTILS}/providers/process/supervisor/x.py", "from ...references import expand"),
        (f"{UTILS}/rotation/x.py", "from ..engine.plan import plan\nfrom ..generators.registry import generate"),
        (f"{UTILS}/generators/x.py", "from ..model.secret_value import SecretValue\nfrom . import keys"),
        ("plugins/action/fleet.py", f"from {US}.model.errors import HodeiError"),
        (f"{UTILS}/ansible/x.py", "from ..providers.registry import get\nfrom ..engine import converge"),
        (
            "plugins/modules/worker.py",
            f"from ansible.module_utils.basic import AnsibleModule\nfrom {US}.ansible import run",
        ),
    ],
)
def test_allows(tree: Path, name: str, code: str) -> None:
    assert problems(tree, name, code) == []
