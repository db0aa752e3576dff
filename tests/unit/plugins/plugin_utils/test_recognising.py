# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values are secrets: by their tags, by the variables that a task names, and by what lookups returned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible._internal._datatag._tags import Origin, VaultedValue  # so that we notice when they move
from ansible.errors import AnsibleError

from ansible_collections.hodei.workers.plugins.plugin_utils import secrets
from ansible_collections.hodei.workers.plugins.plugin_utils.recognising import Recogniser, vaulted_values


class Encrypted:
    """What Vault gives before ansible-core 2.19."""

    __ENCRYPTED__ = True

    def __init__(self, text: str = "") -> None:
        self.text = text

    def __str__(self) -> str:
        if not self.text:
            raise AnsibleError("there is no such password")
        return self.text


@pytest.fixture(autouse=True)
def given(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What lookups returned."""
    known: list[str] = []

    def are_from_lookup(texts: Sequence[str]) -> list[bool]:
        return [text in known for text in texts]

    monkeypatch.setattr(secrets, "are_from_lookup", are_from_lookup)
    return known


def test_by_tag_or_type_and_by_lookup(given: list[str]) -> None:
    given.append("from a lookup")
    tagged = VaultedValue(ciphertext="$ANSIBLE_VAULT;1.1;AES256\n00").tag("vaulted")
    found = Recogniser([], {})(["plain", tagged, Encrypted("old"), "from a lookup", "", 7, None, True])
    assert found == {
        1: "a value from Ansible Vault",
        2: "a value from Ansible Vault",
        3: "a value that the lookup hodei.workers.secret returned",
    }


@pytest.mark.parametrize("source", ["{{ url }}", {"a": ["x", "{% if url %}{% endif %}"]}, "{{ vars['url'] }}"])
def test_within_a_longer_text_by_the_variables_that_are_named(source: Any) -> None:
    """However far away; also where a template may name anything."""
    variables = {"password": Encrypted("hunter22"), "url": "db://{{ password }}@h", "other": Encrypted("elsewhere")}
    recognise = Recogniser([source], variables)
    assert recognise(["db://hunter22@h", "hunter22", "hunter2"]) == {
        0: "a value from Ansible Vault (password)",
        1: "a value from Ansible Vault (password)",
    }
    assert bool(recognise(["elsewhere"])) == ("vars" in str(source))


def test_short_ones_count_as_a_whole_only() -> None:
    assert list(Recogniser(["{{ a }}"], {"a": Encrypted("80")})(["8080", "80"])) == [1]


def test_our_own_variables_are_looked_at_without_being_named() -> None:
    variables = {"hodei_secrets": [{"name": "a", "value": Encrypted("hunter22")}]}
    assert Recogniser([], variables)(["hunter22"])


def test_what_cannot_be_decrypted_was_used_by_nobody() -> None:
    assert list(vaulted_values(["{{ a }}"], {"a": Encrypted()})) == []


def test_a_file_that_is_encrypted_as_a_whole(tmp_path: Path) -> None:
    """What is in it is secret, but not a fleet's document in it: of that, only what it takes from variables."""
    vaulted, plain = tmp_path / "vault.yml", tmp_path / "vars.yml"
    vaulted.write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    plain.write_text("a: b\n")
    hidden, shown = Origin(path=str(vaulted)).tag("hunter22"), Origin(path=str(plain)).tag("password")
    recognise = Recogniser(["{{ a }}{{ b }}"], {"a": hidden, "b": shown, "hodei_workers": [hidden + "33"]})
    assert list(recognise(["hunter22", "password", "x"])) == [0]
    image = Origin(path=str(vaulted)).tag("registry/image:1")
    assert not Recogniser([], {"hodei_workers": [{"image": image}]})([image])
