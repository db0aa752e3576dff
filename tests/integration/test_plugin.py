# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A provider that a user installed by pip: the template of docs/add-a-provider.md, used as a stranger would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.packages import good, install
from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / "tests" / "conformance" / "providers"
SLEEP = ["sleep", "600"]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has what ours has, and the template beside it, installed by pip."""
    place = tmp_path_factory.mktemp("scratch")
    venv.create(place / "env")
    python = place / "env" / "bin" / "python"
    there = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    Path(there.stdout.strip(), "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shutil.copytree(ROOT / "examples" / "provider-template", place / "package")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", place / "package"], check=True)
    return python


class Elsewhere(Site):
    """A user whose ansible-playbook, and whose modules, run in another environment."""

    python = Path(sys.executable)

    def command(self, playbook: str | Path, *options: str) -> list[str]:
        """Start Ansible by the other Python."""
        _unused, *rest = super().command(playbook, *options)
        return [str(self.python), "-m", "ansible", "playbook", *rest]


@pytest.fixture
def user(scratch: Path) -> Iterator[Elsewhere]:
    """A user of that environment; what they leave running ends."""
    made = Elsewhere(workers=[{"name": "a", "command": SLEEP}])
    made.python = scratch
    made.set(hodei_providers={"pool": {"spool": str(made.place / "spool")}})
    yield made
    made.close()


def workers(user: Site) -> dict[str, int]:
    """Return the processes of workers, as the system shows them."""
    return user.pids()


@pytest.mark.parametrize(
    "packed", [pytest.param(False, marks=pytest.mark.soak, id="direct"), pytest.param(True, id="packed")]
)
def test_the_life_of_a_fleet(user: Elsewhere, packed: bool) -> None:
    """Made, seen unchanged, reached, changed, stopped and destroyed; its type told from its keys. Packed is as on another host."""
    if packed:
        user.environment["ANSIBLE_KEEP_REMOTE_FILES"] = "1"  # which keeps the module from being run in place
    several = [
        {"name": "a", "command": SLEEP, "env": {"TOKEN": "hunter22"}},
        {"name": "b", "count": 2, "command": SLEEP},
    ]
    changed = [
        {"name": "a", "command": ["sleep", "601"]},
        {"name": "b", "count": 1, "command": SLEEP, "state": "paused"},
    ]
    done = user.tasks(
        task("fleet_init"),
        task("fleet", workers=several, diff=True),
        task("fleet", workers=several),
        task("worker_exec", address="a", command=["sh", "-c", "echo $WORKER_NAME"]),
        task("worker_info", targets=["b[1]"]),
        task("fleet", workers=changed),
        task("fleet", workers=changed),
    )
    _init, made, again, inside, seen, altered, settled = done
    assert not any(one["failed"] for one in done), [one.get("msg") for one in done]
    assert (made["changed"], again["changed"], altered["changed"], settled["changed"]) == (True, False, True, False)
    assert inside["stdout"].strip() == "a"
    assert "hunter22" not in str(done)
    assert seen
    assert sorted(workers(user)) == ["a", "b-0"]
    user.play("destroy", "-e", "hodei_confirm=ci-test")
    wait_for(lambda: not workers(user), "the workers to be gone")


def test_what_people_meet(user: Elsewhere) -> None:
    """A typo in its keys, a field that it cannot carry; and a Python that does not have the package."""
    mistyped = {"pool": {"type": "spool", "setle": "1s"}}
    one = [{"name": "a", "command": SLEEP, "resources": {"memory": "1Gi"}}]
    typo, init, heavy = user.tasks(
        task("fleet", providers=mistyped, workers=[], check=True),
        task("fleet_init"),
        task("fleet", workers=one),
    )
    assert "providers.pool: unknown field 'setle'; did you mean settle?" in typo["msg"]
    assert not init["failed"]
    assert "worker.a.resources.memory" in heavy["msg"]
    assert "choose providers of type process" in heavy["msg"]
    user.set(hodei_providers={"pool": {"type": "spool"}}, ansible_python_interpreter=sys.executable)
    said = user.refused("fleet")
    assert "providers.pool.type: 'spool' is not a type of provider" in said
    assert "has to be installed where the task runs, for the Python that runs it" in said


def test_plug_ins_that_cannot_be_used(make_site: Callable[..., Site]) -> None:
    """Each is one problem of the document, in one play, through Ansible."""
    site = make_site()
    place = site.place / "packages"
    place.mkdir()
    install(place, "hodei-new", 'PORT_VERSION = "99.0.0"\n', kind="new")
    install(place, "hodei-broken", "import nowhere_to_be_found\n", kind="broken")
    install(place, "hodei-liar", good("other"), kind="liar")
    install(place, "hodei-less", good("less", without=("list", "exec")), kind="less")
    site.environment["PYTHONPATH"] = os.pathsep.join([str(place), site.environment.get("PYTHONPATH", "")])

    def fleet(kind: str) -> dict[str, Any]:
        return task("fleet", providers={"x": {"type": kind}}, workers=[{"name": "a", "command": SLEEP}])

    said = [one["msg"] for one in site.tasks(task("fleet_init"), *map(fleet, ("new", "broken", "liar", "less")))[1:]]
    for words, message in zip(
        (
            "providers.x.type: the plug-in 'new' of hodei-new 0.1 was written for version 99.0.0 of the provider port",
            "providers.x.type: the plug-in 'broken' of hodei-broken 0.1 cannot be imported: ModuleNotFoundError",
            "the plug-in 'liar' of hodei-liar 0.1 calls itself 'other' in its fingerprint",
            "the plug-in 'less' of hodei-less 0.1 has no exec, list",
        ),
        said,
        strict=True,
    ):
        assert words in message, message


def test_the_suite_runs_from_an_installed_tarball(scratch: Path, tmp_path: Path) -> None:
    """As docs/add-a-provider.md tells: the collection installed, the package installed, one command."""
    subprocess.run([sys.executable, ROOT / "tools" / "build.py", tmp_path], check=True, capture_output=True)
    (tarball,) = tmp_path.glob("*.tar.gz")
    there = tmp_path / "there"
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "HODEI_", "ANSIBLE_"))
    }
    plain["ANSIBLE_COLLECTIONS_PATH"] = str(there)
    galaxy = [str(scratch), "-m", "ansible", "galaxy", "collection", "install", "--offline", str(tarball)]
    subprocess.run(galaxy, check=True, capture_output=True, env=plain)
    suite = there / "ansible_collections" / "hodei" / "workers" / "tests" / "conformance" / "providers"
    rig = scratch.parents[2] / "package" / "tests" / "spool_rig.py"
    done = subprocess.run(
        [scratch, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", "--import-mode=importlib", suite, "--rig", f"{rig}:SpoolRig"],
        cwd=tmp_path, env=plain, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "spool declares that it has no health: nobody watches" in done.stdout
    tests = {path.name for path in SUITE.glob("test_*.py")}
    assert {path.name for path in suite.glob("test_*.py")} == tests, "all of the suite ships"
