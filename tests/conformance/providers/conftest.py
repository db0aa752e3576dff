# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The providers that the suite runs on. A new one joins by adding a line to RIGS.

A provider of a plug-in brings its rig along: `pytest <this folder> --rig tests/my_rig.py:MyRig` (docs/add-a-provider.md). So this
folder is part of the collection's tarball, and needs nothing of the other tests but `tests/testbed/wait.py`.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

for _parent in Path(__file__).parents:  # an installed collection; in a checkout tests/conftest.py has seen to it
    if _parent.name == "ansible_collections" and "ansible_collections" not in sys.modules:
        # Made by hand, because the ansible package brings one of that name which would hide this one.
        _package = types.ModuleType("ansible_collections")
        _package.__path__ = [str(_parent)]
        sys.modules["ansible_collections"] = _package

from ansible_collections.hodei.workers.tests.conformance.providers.rigs import DockerRig, Fleet, ProcessRig, Rig

RIGS: dict[str, Callable[..., Any]] = {
    "docker": DockerRig,
    "process": ProcessRig,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Read where the rig of another provider is."""
    parser.addoption("--rig", metavar="FILE.py:CLASS", help="run the suite on this rig instead of the collection's own")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on each rig."""
    if "rig" in metafunc.fixturenames:
        given = metafunc.config.getoption("--rig", default=None)
        rigs = {given.rpartition(":")[2]: _brought(given)} if given else RIGS
        module = metafunc.module.__name__.rpartition(".")[2]
        metafunc.parametrize("rig", [_parameter(name, rig, module) for name, rig in rigs.items()], indirect=True)


def _parameter(name: str, rig: Callable[..., Rig], module: str) -> Any:
    """Name a rig; the tests of a file that share a server run in one process."""
    server = getattr(rig, "server", "")
    return pytest.param(rig, id=name, marks=[pytest.mark.xdist_group(f"{server}-{module}")] if server else [])


def _brought(given: str) -> Callable[[Path], Rig]:
    """Load a rig from a file of somebody else."""
    path, _unused, name = given.rpartition(":")
    spec = importlib.util.spec_from_file_location("brought_rig", path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise pytest.UsageError(f"--rig {given}: there is no such file; write FILE.py:CLASS")
    module = sys.modules.get(spec.name)
    if module is None:
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    rig: Callable[[Path], Rig] | None = getattr(module, name, None)
    if rig is None:
        raise pytest.UsageError(f"--rig {given}: {path} has no {name}")
    return rig


@pytest.fixture
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """A provider with a place of its own; whatever a test leaves is removed."""
    server = getattr(request.param, "server", "")
    # Only our own rigs have one, so that a suite that is brought along needs no test bed.
    given = [request.getfixturevalue("shared_testbed").need(server)] if server else []
    made = request.param(tmp_path, *given)
    yield made
    made.close()


@pytest.fixture
def fleet(rig: Rig) -> Fleet:
    """Short words for the calls."""
    return Fleet(rig)
