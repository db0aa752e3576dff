# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half: finds documents where people keep them, and hands one payload to the module."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible._internal._datatag._tags import VaultedValue
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.hodei.workers.plugins.action.fleet import ActionModule


class Action(ActionModule):
    """The plugin without a connection: keeps what it would have sent."""

    def __init__(self, name: str, args: dict[str, Any], variables: dict[str, Any], play: Path) -> None:
        loader = DataLoader()
        loader.set_basedir(str(play))
        task = SimpleNamespace(
            get_name=lambda: "a task",
            action=f"hodei.workers.{name}",
            args=args,
            async_val=0,
            check_mode=False,
            delegate_to=None,
            diff=False,
            environment=[],
            get_ds=lambda: None,
            module_defaults=[],
            get_search_path=lambda: [str(play)],
        )
        context = SimpleNamespace(check_mode=False, diff=False)
        connection = SimpleNamespace(
            _shell=SimpleNamespace(tmpdir=None), transport="ssh", become=None, has_pipelining=True
        )
        super().__init__(task, connection, context, loader, Templar(loader=loader, variables=variables), None)
        self.sent: dict[str, Any] = {}
        self.variables = variables

    def _execute_module(self, **sent: Any) -> dict[str, Any]:
        self.sent = sent
        return {"changed": False}

    def payload(self) -> dict[str, Any]:
        """Run, and return the payload that the module got."""
        self.run(task_vars=self.variables)
        found: dict[str, Any] = json.loads(self.sent["module_args"]["_payload"])
        return found


def test_one_payload_and_the_other_arguments(tmp_path: Path) -> None:
    action = Action("fleet", {"targets": ["a"], "owner": "me"}, {"hodei_workers": [{"name": "a"}]}, tmp_path)
    assert action.payload()["workers"] == [{"source": "hodei_workers", "content": [{"name": "a"}]}]
    assert set(action.sent["module_args"]) == {"targets", "_payload"}
    assert action.sent["module_name"] == "hodei.workers.fleet"


def test_fields_of_a_worker_are_arguments_of_one_module_only(tmp_path: Path) -> None:
    single = Action("worker", {"name": "a", "state": "paused"}, {}, tmp_path)
    assert single.payload()["workers"] == [{"source": "", "content": [{"name": "a"}]}]
    assert single.sent["module_args"]["state"] == "paused"
    other = Action("fleet", {"name": "a"}, {}, tmp_path)
    other.payload()
    assert other.sent["module_args"]["name"] == "a", "which the module refuses"


@pytest.mark.parametrize("where", ["play", "play/files", "inventory", "started"])
def test_documents_lie_beside_play_inventory_or_person(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("play/files", "inventory", "started"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("PWD", str(tmp_path / "started"))
    (tmp_path / where / "fleet.yml").write_text("workers: [{name: a, command: [run, '{{ queue }}']}]\n")
    variables = {"inventory_dir": str(tmp_path / "inventory"), "queue": "default"}
    payload = Action("fleet", {"document": "fleet.yml"}, variables, tmp_path / "play").payload()
    assert payload["documents"] == [
        {"source": "fleet.yml", "content": {"workers": [{"name": "a", "command": ["run", "default"]}]}}
    ]


def test_a_document_that_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", str(tmp_path))
    with pytest.raises(
        AnsibleActionFail, match=r"the document fleet\.yml was not found beside the play, beside the inventory"
    ):
        Action("fleet", {"document": "fleet.yml"}, {"inventory_dir": "/inventory"}, tmp_path).payload()


def test_a_document_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    (tmp_path / "fleet.yml").write_text("workers:\n\t- name: a\n")
    with pytest.raises(AnsibleActionFail, match=r"fleet\.yml: line 2, column 1"):
        Action("fleet", {"document": "fleet.yml"}, {}, tmp_path).payload()


def test_shared_machines_are_refused(tmp_path: Path) -> None:
    local = {"ansible_connection": "local", "hodei_owner": "ci"}
    variables = {
        **local,
        "inventory_hostname": "a",
        "ansible_play_hosts_all": ["a", "b"],
        "hostvars": {"a": local, "b": local},
    }
    with pytest.raises(AnsibleActionFail, match="hosts 'a' and 'b' are this same machine"):
        Action("fleet", {}, variables, tmp_path).payload()
    (tmp_path / "own.yml").write_text("owner: a\nworkers: []\n")
    del local["hodei_owner"], variables["hodei_owner"]
    assert Action("fleet", {"document": "own.yml"}, variables, tmp_path).payload()["owner"] is None


SECRET = {"name": "a", "value": "plain-canary"}


def test_secrets_are_no_arguments_and_go_through_a_pipe(tmp_path: Path) -> None:
    """They are put in when the module is packed, and it is never a file, though pipelining is turned off."""
    action = Action("secret", dict(SECRET), {}, tmp_path)
    assert "plain-canary" not in json.dumps(action.payload())
    assert "plain-canary" not in str(action.sent)
    assert action._is_pipelining_enabled("new")
    assert "plain-canary" in action._sealed


def test_a_fleet_without_secrets_is_sent_as_the_user_has_it(tmp_path: Path) -> None:
    action = Action("fleet", {"workers": [{"name": "a"}]}, {}, tmp_path)
    action._connection.is_pipelining_enabled = lambda wrap: False
    action.payload()
    assert not action._is_pipelining_enabled("new")


@pytest.mark.parametrize("obstacle", ["async", "become_method su", "connection ssh"])
def test_where_no_pipe_is_a_plain_value_is_a_warning_and_a_vaulted_one_is_refused(
    tmp_path: Path, obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    action = Action("secret", dict(SECRET), {}, tmp_path)
    monkeypatch.setattr(action._display, "warning", warned.append)
    _obstruct(action, obstacle)
    action.payload()
    (warning,) = warned
    assert warning.startswith(f"value may be plain text, and with {obstacle} it would lie in a file")
    assert "Ansible Vault" in warning
    vaulted = VaultedValue(ciphertext="$ANSIBLE_VAULT;1.1;AES256").tag("vaulted-canary")
    action = Action("secret", {"name": "a", "value": vaulted}, {}, tmp_path)
    _obstruct(action, obstacle)
    with pytest.raises(AnsibleActionFail, match=f"has a secret, and with {obstacle}") as refused:
        action.payload()
    assert "canary" not in str(refused.value)
    assert not action.sent


def _obstruct(action: Action, obstacle: str) -> None:
    if obstacle == "async":
        action._task.async_val = 60
    elif obstacle.startswith("become"):
        action._connection.become = SimpleNamespace(name="su", pipelining=False)
    else:
        action._connection.has_pipelining = False


def test_input_of_a_program_may_be_a_secret_and_its_arguments_may_not(tmp_path: Path) -> None:
    vaulted = VaultedValue(ciphertext="$ANSIBLE_VAULT;1.1;AES256").tag("vaulted-canary")
    action = Action("worker_exec", {"address": "a", "command": ["cat"], "stdin": vaulted}, {}, tmp_path)
    action.payload()
    assert "stdin" not in action.sent["module_args"]
    assert "vaulted-canary" not in str(action.sent)
    assert "vaulted-canary" in action._sealed
    action = Action("worker_exec", {"address": "a", "command": ["echo", vaulted]}, {}, tmp_path)
    with pytest.raises(AnsibleActionFail, match=r"command\[1\]: holds a value from Ansible Vault"):
        action.payload()
