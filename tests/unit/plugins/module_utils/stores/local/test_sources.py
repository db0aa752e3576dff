# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Fault, StoreError
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import (
    Stretch,
    create_key_file,
    key_source,
)

KEY = bytes(range(32))
WORDS = "correct horse battery staple"
CHEAP = Stretch(b"s" * 16, memory=64, time=1, parallelism=1)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    create_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = key_source({"file": str(path)}).secret(None)
    assert base64.b64encode(found.reveal()) + b"\n" == path.read_bytes()
    with pytest.raises(HodeiError) as caught:
        create_key_file(path)
    assert caught.value.kind is Kind.ALREADY_EXISTS


def test_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    source = key_source({"env": "STORE_KEY"})
    with pytest.raises(StoreError, match="STORE_KEY is not set") as caught:
        source.secret(None)
    assert caught.value.fault is Fault.SEALED
    monkeypatch.setenv("STORE_KEY", base64.b64encode(KEY).decode())
    assert source.secret(None).reveal() == KEY


def test_a_key_with_a_stray_letter_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left out, it would make some key: another one than was meant, perhaps."""
    text = base64.b64encode(KEY).decode()
    monkeypatch.setenv("STORE_KEY", f"{text[:10]}*{text[10:]}")
    with pytest.raises(HodeiError, match="holds is no key"):
        key_source({"env": "STORE_KEY"}).secret(None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Root could read it: whoever it belongs to could change it, too."""
    create_key_file(tmp_path / "key")
    os.chown(tmp_path / "key", 65534, -1)
    with pytest.raises(HodeiError, match="belongs to user 65534"):
        key_source({"file": str(tmp_path / "key")}).secret(None)


def test_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    held: dict[tuple[str, str], Any] = {("hodei", "ci"): base64.b64encode(KEY).decode()}

    def get_password(service: str, name: str) -> Any:
        if service == "locked":
            raise RuntimeError("the collection is locked")
        return held.get((service, name))

    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=get_password))
    assert key_source({"keyring": "hodei/ci"}).secret(None).reveal() == KEY
    for place in ("hodei/other", "locked/ci"):
        with pytest.raises(StoreError) as caught:
            key_source({"keyring": place}).secret(None)
        assert caught.value.fault is Fault.SEALED


@pytest.mark.parametrize(
    ("library", "config"), [("keyring", {"keyring": "a/b"}), ("argon2.low_level", {"passphrase": {"env": "W"}})]
)
def test_a_missing_library_is_named(library: str, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W", WORDS)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(HodeiError, match=f"library {library.partition('.')[0]}.* is missing for") as caught:
        key_source(config).secret(CHEAP)
    assert sys.executable in caught.value.hint


def test_a_passphrase_is_stretched_by_argon2id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W", WORDS)
    source = key_source({"passphrase": {"env": "W"}})
    first = source.secret(CHEAP)
    other = Argon2id(salt=CHEAP.salt, length=32, iterations=1, lanes=1, memory_cost=64)  # another implementation
    assert first.reveal() == other.derive(WORDS.encode())
    assert source.secret(CHEAP) == first
    assert source.secret(CHEAP._replace(salt=b"t" * 16)) != first
    assert source.secret(CHEAP._replace(memory=128)) != first
    monkeypatch.setenv("W", WORDS + "\n")
    assert source.secret(CHEAP) == first


def test_a_passphrase_is_the_same_on_every_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    source = key_source({"passphrase": {"env": "W"}})
    monkeypatch.setenv("W", "contrase\u00f1a segura")
    composed = source.secret(CHEAP)
    monkeypatch.setenv("W", "contrasen\u0303a segura")
    assert source.secret(CHEAP) == composed


@pytest.mark.parametrize("words", ["short", b"\xff" * 20])
def test_what_is_no_passphrase(words: str | bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W", os.fsdecode(words))
    with pytest.raises(HodeiError, match="12 characters") as caught:
        key_source({"passphrase": {"env": "W"}}).secret(CHEAP)
    assert "short" not in str(caught.value)


def test_the_costs_of_the_defaults_are_what_the_reference_asks_for() -> None:
    wanted = Stretch(b"s" * 16)
    assert (wanted.memory, wanted.time, wanted.parallelism) == (64 << 10, 3, 4)
    assert wanted.sane()


@pytest.mark.parametrize(
    "stretch",
    [Stretch(b"short"), CHEAP._replace(memory=1 << 30), CHEAP._replace(time=10**6), CHEAP._replace(parallelism=0)],
)
def test_costs_that_nobody_means(stretch: Stretch) -> None:
    assert not stretch.sane()


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"file": ""},
        {"file": 3},
        {"vault": "x"},
        {"env": "A", "file": "b"},
        {"keyring": "noslash"},
        {"passphrase": "x"},
        {"passphrase": {"passphrase": {"env": "A"}}},
    ],
)
def test_a_configuration_that_names_no_place(config: dict[str, Any]) -> None:
    with pytest.raises(HodeiError) as caught:
        key_source(config)
    assert caught.value.kind is Kind.CONFIGURATION
