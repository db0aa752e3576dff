# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret is planted, and everything that a run leaves or shows is searched for it: invariant 13, for secrets.

Output at -vvvv and with callbacks that write files, logs, syslog, results, state, journal, plans, the audit chain, the log of the
broker, temporary files (also those that are deleted, and with pipelining off), arguments and environments of every program, crashes
and their cores.
"""

from __future__ import annotations

import codecs
import resource
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.hodei.workers.tests.support.canaries import Search, forms
from ansible_collections.hodei.workers.tests.support.playbook import Run, Site, Task, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed

WITNESS = Path(__file__).parents[1] / "support" / "witness"
LOOKUP = "lookup('hodei.workers.secret', 'app/vaulted')"
#: Where a value stands because the test wrote it there.
WRITTEN = ("values.yml",)


class Planted:
    """A user whose secrets are canaries: one in Vault, one in plain text, one that is refused."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.vaulted, self.literal = (f"cAnArY{secrets.token_hex(8)}" for _unused in range(2))
        self.search = Search(self.vaulted, self.literal)
        vault = VaultLib([("default", VaultSecret(b"open sesame"))])
        encrypted = vault.encrypt(f"vaulted: {self.vaulted}\n").decode()
        self.options = (
            "-vvvv",
            "--diff",
            "--vault-password-file",
            str(site.write("password", "open sesame")),
            "-e",
            f"@{site.write('vault.yml', encrypted)}",
            "-e",
            f"@{site.write('values.yml', {'literal': self.literal})}",
        )
        self.seen = site.place / "seen"
        for name in ("seen", "temporary"):
            (site.place / name).mkdir()
        site.environment |= {
            "PYTHONPATH": str(WITNESS),
            "HODEI_TEST_WITNESS": str(self.seen),
            "TMPDIR": str(site.place / "temporary"),
            "ANSIBLE_LOG_PATH": str(site.place / "ansible.log"),
            "ANSIBLE_CALLBACKS_ENABLED": "record,ansible.builtin.tree,ansible.builtin.junit",
            "ANSIBLE_CALLBACK_TREE_DIR": str(site.place / "tree"),
            "JUNIT_OUTPUT_DIR": str(site.place / "junit"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        }

    def run(self, *tasks: Task, **play: Any) -> Run:
        """Run tasks with everything that Ansible can say."""
        return self.site.run(self.site.write_play(list(tasks), **play), *self.options)

    def traces(self, done: Run) -> dict[str, set[str]]:
        """Return where canaries are that nobody put there."""
        found = self.search.files(self.site.place)
        for name in WRITTEN:
            found.pop(name, None)
        shown = self.search.text(done.output.encode())
        return found | ({"output": shown} if shown else {})


@pytest.fixture
def planted(site: Site) -> Planted:
    site.set(hodei_secrets=[])
    return Planted(site)


def a_day_of_secrets(place: Path) -> list[Task]:
    """Everything that is done with secrets, well and badly."""
    given = {"name": "app/vaulted", "value": "{{ vaulted }}"}
    fleet = [
        given,
        {"name": "app/literal", "value": "{{ literal }}", "tags": {"team": "ci"}},
        {"name": "app/bytes", "value_base64": "{{ ('x' ~ vaulted) | b64encode }}"},
        {"name": "app/fields", "fields": {"user": "me", "token": "{{ vaulted }}"}},
        {"name": "app/copy", "from": {"secret": "app/vaulted"}},
    ]
    wrong = {
        "name": "w",
        "command": ["true"],
        "env": {"URL": "db://me:{{ vaulted }}@h"},
        "labels": {"a": f"{{{{ {LOOKUP} }}}}"},
    }
    return [
        task("fleet_init", secrets=fleet),
        task("fleet_plan", secrets=fleet, path=str(place / "saved.plan"), diff=True),
        task("fleet", secrets=fleet),
        task("fleet", secrets=[*fleet[1:], {**given, "value": "{{ vaulted }}{{ literal }}"}], diff=True),
        task("secret", given),
        task("secret_info"),
        task("secret", name="app/short", value="{{ literal }}", rules={"min_length": 1000}),
        task("secret", name="app/odd", value="{{ literal }}", rules={"format": "uuid"}),
        task("secret", name="app/typo", valeu="{{ vaulted }}"),
        task("secret", name="../{{ vaulted }}", value="{{ literal }}"),
        task("worker", wrong),
        task("worker_exec", address="w", command=["echo", "{{ vaulted }}"]),
        task("worker_exec", address="w", command=["cat"], stdin="{{ vaulted }}"),
        {"ansible.builtin.shell": {"cmd": "wc -c", "stdin": f"{{{{ {LOOKUP} }}}}"}, "no_log": True},
        {"ansible.builtin.debug": {"msg": f"{{{{ {LOOKUP} | length }}}}"}},
    ]


def check_the_day(done: Run, planted: Planted) -> None:
    """Check that it was the day that was meant: what fails does so for the reason that was planted."""
    results = done.results
    assert [one["failed"] for one in results] == [False] * 6 + [True] * 7 + [False] * 2
    told = ["1,000|1000", "UUID", "valeu", "Ansible Vault", "env.URL", "command[1]", "no such worker"]
    for words, one in zip(told, results[6:13], strict=True):
        assert any(word in one["msg"] for word in words.split("|")), one["msg"]
    assert results[-1]["msg"] == len(planted.vaulted)


def test_nothing_that_a_run_leaves_has_the_secret(planted: Planted) -> None:
    """On the controller, where modules are run directly."""
    done = planted.run(*a_day_of_secrets(planted.site.place))
    check_the_day(done, planted)
    assert planted.traces(done) == {}
    assert list(planted.seen.glob("begun-*")), "it was watched"
    assert (planted.site.place / "saved.plan").exists()


def test_nor_without_pipelining_where_files_are_kept(planted: Planted) -> None:
    """A module that is packed; nothing is in the files that are kept on purpose. The foreign task is left out: see the control."""
    planted.site.environment |= {"ANSIBLE_PIPELINING": "0", "ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_DEBUG": "1"}
    day = a_day_of_secrets(planted.site.place)
    done = planted.run(*(day[number] for number in (0, 2, 5, 6, 10)), environment={"PACKED": "1"})
    assert [one["failed"] for one in done.results] == [False] * 3 + [True] * 2
    assert planted.traces(done) == {}
    kept = [path.name for path in planted.site.place.rglob("AnsiballZ_*.py")]
    assert "AnsiballZ_secret_info.py" in kept, "what has no secret is packed into files as the user has asked"


def test_nor_do_workers_that_are_given_it(planted: Planted) -> None:
    """As a variable, a file, a volume and within a file; also where one shows it and ends, and where another value follows."""
    site = planted.site
    site.set(hodei_providers={"local": {"type": "process", "trust": "same_user", "settle": "2s"}})
    given = [
        {"name": "app/vaulted", "value": "{{ vaulted }}"},
        {"name": "app/fields", "fields": {"user": "me", "token": "{{ vaulted }}"}},
    ]
    mounts = [
        {"secret": "app/vaulted", "env": "PASSWORD"},
        {"secret": "app/vaulted", "file": "key"},
        {"secret": "app/fields", "volume": "all"},
    ]
    named = {"path": "app.conf", "content": "{{ 'app/vaulted' | hodei.workers.secret_reference }}"}
    keeps = {"name": "w", "command": ["sleep", "infinity"], "secrets": mounts, "files": [named]}
    shows = {
        "name": "shows",
        "command": ["sh", "-c", "echo has $PASSWORD; exit 3"],
        "restart": "never",
        "secrets": mounts[:1],
    }
    ask = ["sh", "-c", 'cd "$HODEI_SECRETS_DIR"; cat key all/token "$HOME/app.conf" | wc -c']
    done = planted.run(
        task("fleet_init", secrets=given),
        task("fleet_plan", secrets=given, workers=[keeps], path=str(site.place / "saved.plan"), diff=True),
        task("fleet", secrets=given, workers=[keeps]),
        task("worker_exec", address="w", command=ask),
        task("worker", shows),
        task("secret", name="app/vaulted", value="{{ literal }}{{ vaulted }}"),
        task("fleet", secrets=given[1:], workers=[keeps], prune=False, diff=True),
        task("worker_info"),
    )
    assert [one["failed"] for one in done.results] == [False] * 4 + [True] + [False] * 3, done.results
    assert done.results[3]["stdout"].strip() == str(3 * len(planted.vaulted))
    assert "its last output: has ***" in done.results[4]["msg"]
    # What a worker writes is its own.
    assert {path for path in planted.traces(done) if "/logs/" not in path} == set()


@pytest.fixture
def cores() -> Iterator[None]:
    """Let whoever crashes leave a core, where the system allows it."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.parametrize("how", ["with an error that has it", "with a core"])
def test_nor_does_one_that_crashes(planted: Planted, cores: None, how: str) -> None:
    """Where the store is opened: the module has the value in its locals, and the error has it in its text."""
    given = {"name": "app/vaulted", "value": "{{ vaulted }}"}
    planted.run(task("fleet_init", secrets=[given]), task("fleet", secrets=[given]))
    crash = "abort" if "core" in how else codecs.encode(planted.vaulted, "rot13")
    planted.site.environment["HODEI_TEST_CRASH"] = crash
    again = {"name": "app/other", "value": "{{ vaulted }}"}
    done = planted.run(task("fleet", secrets=[given, again]), task("secret", again))
    assert all(one["failed"] for one in done.results)
    if crash != "abort":
        assert "RuntimeError" in done.results[0]["msg"]
    assert planted.traces(done) == {}


def test_a_core_would_be_found(planted: Planted, cores: None) -> None:
    """The control of the last test, where this system writes cores at all."""
    script = f"import os; value = {planted.vaulted[::-1]!r}[::-1]; os.abort()"
    subprocess.run([sys.executable, "-c", script], cwd=planted.site.place, check=False)
    written = [path for path in planted.site.place.glob("core*") if path.is_file()]
    if not written:
        pytest.skip("this system writes no cores here")
    assert planted.search.files(planted.site.place)[written[0].name] >= {"plain"}


def test_what_leaks_is_found(planted: Planted) -> None:
    """The control: a foreign task without pipelining and without care is seen in each of these places."""
    planted.site.environment["ANSIBLE_PIPELINING"] = "0"
    leaky = planted.site.place / "copied"
    done = planted.run(
        {"ansible.builtin.command": {"argv": ["true", "{{ vaulted }}"]}, "no_log": True},
        {"ansible.builtin.command": {"argv": ["true"]}, "environment": {"LEAK": "{{ literal }}"}, "no_log": True},
        {"ansible.builtin.copy": {"content": "{{ vaulted }}", "dest": str(leaky), "mode": "0600"}, "no_log": True},
        {"ansible.builtin.debug": {"msg": "{{ literal | b64encode }}"}},
    )
    found = planted.traces(done)
    kinds = (
        "seen/subprocess.Popen",
        "seen/begun",
        "seen/deleted",
        "copied",
        "output",
        "ansible.log",
        "tree/",
        "run-",
        "junit/",
    )
    assert [kind for kind in kinds if not any(path.startswith(kind) for path in found)] == []
    assert found["output"] == {"base64+0", "plain"}


def test_the_forms_that_are_searched_for(tmp_path: Path) -> None:
    canary = "cAnArY0815"
    search = Search(canary)
    for name, form in forms(canary).items():
        (tmp_path / name).write_bytes(b"x" + form + b"y")
    assert {path: path in names for path, names in search.files(tmp_path).items()} == dict.fromkeys(forms(canary), True)
    assert search.text(b"cAnArY0816") == set()


@pytest.mark.real
def test_nor_on_a_host_over_ssh(planted: Planted, testbed: Testbed) -> None:
    """Without pipelining, and with the files that are kept there."""
    site = planted.site
    place = site.place / "far"
    site.hosts["far"] = {
        **testbed.need("sshd").variables,
        "ansible_connection": "ssh",
        "ansible_remote_tmp": str(place / "tmp"),
        "hodei_backend": {"path": str(place / "state"), "allow_ephemeral": True},
    }
    site.environment |= {"ANSIBLE_PIPELINING": "0", "ANSIBLE_KEEP_REMOTE_FILES": "1"}
    given = {"name": "app/vaulted", "value": "{{ vaulted }}"}
    done = planted.run(
        task("fleet_init", secrets=[given]), task("secret", given), task("secret_info"), hosts="far", gather_facts=False
    )
    assert not any(one["failed"] for one in done.results), done.results
    assert planted.traces(done) == {}
    kept = [path.name for path in place.rglob("AnsiballZ_*.py")]
    assert kept == ["AnsiballZ_secret_info.py"]
