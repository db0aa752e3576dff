# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor's code: found wherever it was loaded from, packed once, and started."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.providers.process import launch
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.client import GoneError
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import VERSION

PACKAGE = Path(launch.__file__).parent
ROOT = PACKAGE.parents[3]


def test_all_sources_are_packed_and_named_for_ansible() -> None:
    """A module that is in the directory and not in the list would be missing on the target."""
    there = {path.stem for path in (PACKAGE / "supervisor").glob("*.py")}
    assert set(launch.SOURCES) == there
    tree = ast.parse((PACKAGE / "launch.py").read_text())
    named = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "supervisor"
        for alias in node.names
    }
    assert named == there


def test_the_version_is_the_collections() -> None:
    """A newer collection replaces an older supervisor by it."""
    assert f"version: {VERSION}\n" in (ROOT / "galaxy.yml").read_text()


def test_the_supervisor_needs_the_standard_library_only() -> None:
    """Its imports are relative, or come with Python; what it shares with other providers goes with it."""
    shared = [PACKAGE.parent / f"{name}.py" for name in launch.SHARED]
    for path in (*(PACKAGE / "supervisor").glob("*.py"), *shared):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                standard = node.level == 0 and str(node.module).partition(".")[0] in sys.stdlib_module_names
                assert standard or node.level == 1 or (node.level == 3 and node.module in launch.SHARED), path
            elif isinstance(node, ast.Import):
                assert all(alias.name.partition(".")[0] in sys.stdlib_module_names for alias in node.names), path


def test_the_digest_is_of_the_sources() -> None:
    """The same code, the same digest and the same file."""
    code = launch.payload()
    assert code == launch.payload()
    assert launch.zipapp(code.sources) == launch.zipapp(code.sources)


def test_it_is_installed_once(tmp_path: Path) -> None:
    """For its owner only, and without a trace of a second try."""
    code = launch.payload()
    path = launch.install(str(tmp_path), code)
    before = os.stat(path)
    assert launch.install(str(tmp_path), code) == path
    assert os.stat(path).st_mtime_ns == before.st_mtime_ns
    assert before.st_mode & 0o777 == 0o600
    assert [item.name for item in tmp_path.iterdir()] == [os.path.basename(path)]


def test_a_directory_that_is_gone_or_closed(tmp_path: Path) -> None:
    """Gone is for the caller to try again, closed is for the user to cure."""
    with pytest.raises(GoneError):
        launch.install(str(tmp_path / "gone"), launch.payload())
    (tmp_path / "file").touch()
    with pytest.raises(HodeiError) as caught:
        launch.make_directory(str(tmp_path / "file" / "owner" / "process"))
    assert "directory" in caught.value.hint


def test_directories_are_made_private(tmp_path: Path) -> None:
    """Root's may be walked through."""
    launch.make_directory(str(tmp_path / "a" / "b" / "process"))
    launch.make_directory(str(tmp_path / "a" / "b" / "process"))
    mode = (tmp_path / "a" / "b" / "process").stat().st_mode & 0o777
    assert mode == (0o711 if os.geteuid() == 0 else 0o700)


def failing(tmp_path: Path, *words: str) -> list[str]:
    """Write a command line that ends badly."""
    path = tmp_path / "supervisor.pyz"
    path.touch()
    return [sys.executable, "-c", "import sys; print('no luck', file=sys.stderr); sys.exit(4)", "", str(path), *words]


def test_a_start_that_fails_tells_its_last_words(tmp_path: Path) -> None:
    """Code and message; what was to be started may have gone meanwhile."""
    with pytest.raises(HodeiError) as caught:
        launch.start(failing(tmp_path), str(tmp_path), [])
    assert caught.value.kind is Kind.INTERNAL
    assert "no luck" in caught.value.message
    command = failing(tmp_path)
    (tmp_path / "supervisor.pyz").unlink()
    with pytest.raises(GoneError):
        launch.start(command, str(tmp_path), [])
    with pytest.raises(GoneError):
        launch.start(command, str(tmp_path / "gone"), [])


@pytest.mark.parametrize(("scope", "runs"), [(["false"], 1), (["env"], 1), ([], 1)])
def test_a_scope_is_tried_and_done_without(tmp_path: Path, scope: Sequence[str], runs: int) -> None:
    """Where the service manager does not make one, the program is started all the same, once."""
    code = f"open({str(tmp_path / 'runs')!r}, 'a').write('x')"
    launch.start([sys.executable, "-c", code, "x", str(tmp_path)], str(tmp_path), scope)
    assert (tmp_path / "runs").read_text() == "x" * runs


def test_from_a_zip_as_ansible_ships_it(tmp_path: Path) -> None:
    """The payload of a module is a zip file that is gone when the task is; the supervisor is not."""
    payload = tmp_path / "payload.zip"
    prefix = "ansible_collections/hodei/workers"
    with zipfile.ZipFile(payload, "w") as archive:
        for room in ("model", "providers"):
            for path in (ROOT / "plugins" / "module_utils" / room).rglob("*.py"):
                archive.write(path, f"{prefix}/{path.relative_to(ROOT)}")
        packages = {str(Path(name).parent) for name in archive.namelist()}
        packages |= {str(parent) for name in packages for parent in Path(name).parents if str(parent) != "."}
        for package in packages:
            archive.writestr(f"{package}/__init__.py", "")
    script = f"""
import os, sys
sys.path.insert(0, {str(payload)!r})
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.provider import ProcessProvider
from ansible_collections.hodei.workers.plugins.module_utils.providers.process import launch
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import CreateRequest, Labels, Target, Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
assert {str(payload)!r} in launch.__file__
provider = ProcessProvider("local", {{"directory": {str(tmp_path / "state")!r}, "settle": 0.0}}, "zip")
request = CreateRequest(Address("worker", "w"), 1, "op", {{"command": ["sleep", "600"]}}, "d", Labels("zip", "l", "k"))
(made,) = provider.create([request])
assert made.error is None, made.error
os.unlink({str(payload)!r})
(gone,) = provider.act(Verb.DELETE, [Target(request.address, 1)])
assert gone.error is None, gone.error
print(launch.payload is not None and made.observation.state.value)
"""
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("running", "")
