# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.keys import (
    create_key,
    has_key,
    load_key,
    owner_directory,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind


def refusal(directory: Path) -> HodeiError:
    with pytest.raises(HodeiError) as caught:
        load_key(directory)
    assert caught.value.kind is Kind.CONFIGURATION
    return caught.value


@pytest.mark.parametrize(
    ("base", "environ", "expected"),
    [
        ("/srv/x", {"HODEI_STATE_DIR": "/e"}, "/srv/x/ci"),
        (None, {"HODEI_STATE_DIR": "/e", "XDG_STATE_HOME": "/x"}, "/e/ci"),
        (None, {"XDG_STATE_HOME": "/x"}, "/x/hodei/ci"),
        (None, {"XDG_STATE_HOME": "relative"}, os.path.expanduser("~/.local/state/hodei/ci")),
        ("~/s", {}, os.path.expanduser("~/s/ci")),
    ],
)
def test_directory_of_an_owner(base: str | None, environ: dict[str, str], expected: str) -> None:
    assert owner_directory("ci", base, environ) == Path(expected)


@pytest.mark.parametrize("owner", ["", "..", ".x", "a/b", "a\0b"])
def test_owner_cannot_leave_the_base(owner: str) -> None:
    with pytest.raises(HodeiError, match="cannot be an owner"):
        owner_directory(owner, "/srv")


def test_key_is_made_private_and_read_back(tmp_path: Path) -> None:
    directory = tmp_path / "base" / "ci"
    assert not has_key(directory)
    made = create_key(directory)
    assert has_key(directory)
    assert load_key(directory) == made
    assert len(made.secret) == 32
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "fleet.key").stat().st_mode) == 0o600
    assert os.listdir(directory) == ["fleet.key"]


def test_key_is_never_printed(tmp_path: Path) -> None:
    key = create_key(tmp_path)
    assert repr(key.secret)[2:-1] not in repr(key)
    assert key.id in repr(key)
    assert key.id not in key.secret.hex()


def test_existing_key_is_never_replaced(tmp_path: Path) -> None:
    made = create_key(tmp_path)
    with pytest.raises(HodeiError) as caught:
        create_key(tmp_path)
    assert caught.value.kind is Kind.ALREADY_EXISTS
    assert load_key(tmp_path) == made
    assert os.listdir(tmp_path) == ["fleet.key"]


def test_missing_key_says_init_or_beside_state_backup(tmp_path: Path) -> None:
    assert "hodei.workers.init" in refusal(tmp_path).hint
    (tmp_path / "state.db").touch()
    assert "your backup" in refusal(tmp_path).hint


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620])
def test_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    create_key(tmp_path)
    (tmp_path / "fleet.key").chmod(mode)
    assert f"{mode:04o}" in refusal(tmp_path).message


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away takes root")
def test_key_of_somebody_else_is_refused(tmp_path: Path) -> None:
    create_key(tmp_path)
    os.chown(tmp_path / "fleet.key", 4242, -1)
    assert "user 4242" in refusal(tmp_path).message


def test_link_in_place_of_a_key_is_refused(tmp_path: Path) -> None:
    create_key(tmp_path / "other")
    (tmp_path / "fleet.key").symlink_to(tmp_path / "other" / "fleet.key")
    refusal(tmp_path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_key_of_another_length_is_refused(tmp_path: Path, size: int) -> None:
    create_key(tmp_path)
    (tmp_path / "fleet.key").write_bytes(b"x" * size)
    assert "32 bytes" in refusal(tmp_path).message


def test_a_mistyped_owner_is_shown_who_is_there(tmp_path: Path) -> None:
    create_key(tmp_path / "team-ci")
    assert refusal(tmp_path / "taem-ci").hint.endswith(f"Owners in {tmp_path}: team-ci.")
    for number in range(6):
        create_key(tmp_path / f"a{number}")
    assert refusal(tmp_path / "taem-ci").hint.endswith(": a0, a1, a2, a3, a4, ...")
