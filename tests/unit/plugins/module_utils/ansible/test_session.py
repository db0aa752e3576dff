# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening what a task needs: precedence, what is refused first, and what is never created by looking."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.gather import gather
from ansible_collections.hodei.workers.plugins.module_utils.ansible.payload import read_payload, read_settings
from ansible_collections.hodei.workers.plugins.module_utils.ansible.session import open_session
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.keys import create_key
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, InvalidDocument
from ansible_collections.hodei.workers.tests.support.fleets import LINEAGE, OTHER_LINEAGE

SLEEPER = {"name": "a", "command": ["sleep", "60"]}


def params(files: dict[str, Any] | None = None, variables: dict[str, Any] | None = None, **args: Any) -> dict[str, Any]:
    """What a module gets when a user wrote these arguments, variables and files."""
    arguments, payload = gather(
        {"document": list(files), **args} if files else args,
        variables or {},
        template=lambda value: value,
        load=(files or {}).__getitem__,
    )
    return {**arguments, "_payload": json.dumps(payload)}


def initialised(directory: Path, lineage: str = LINEAGE) -> dict[str, Any]:
    """Make an owner, and return the arguments that lead to it."""
    create_key(directory)
    store = SqliteState(directory / "state.db")
    store.initialise("me", lineage, time.time())
    store.close()
    return at(directory)


def at(directory: Path) -> dict[str, Any]:
    return {"owner": "me", "backend": {"path": str(directory), "allow_ephemeral": True}}


@pytest.mark.parametrize(
    ("given", "owner", "source"),
    [
        (params({"f.yml": {"owner": "file"}}, {"hodei_owner": "var"}, owner="arg"), "arg", "argument"),
        (params({"f.yml": {"owner": "file"}}, {"hodei_owner": "var"}), "file", "document f.yml"),
        (params({"f.yml": {}}, {"hodei_owner": "var"}), "var", "variable hodei_owner"),
        (params(), "env", "environment HODEI_OWNER"),
        ({"owner": "bare"}, "bare", "argument"),
    ],
    ids=["argument", "document", "variable", "environment", "without the action plugin"],
)
def test_precedence(given: dict[str, Any], owner: str, source: str) -> None:
    found = read_settings(read_payload(given), {"HODEI_OWNER": "env"})["owner"]
    assert (found.value, found.source) == (owner, source)


def test_workers_of_all_places_keep_their_labels() -> None:
    several = params({"one.yml": {"workers": [SLEEPER]}, "two.yml": {}})
    assert [one.label for one in read_payload(several).fragments] == ["one.yml", "two.yml"]
    variables = params(variables={"hodei_workers": [], "hodei_workers__x": None})
    assert [(one.label, one.entries) for one in read_payload(variables).fragments] == [
        ("hodei_workers", []),
        ("hodei_workers__x", []),
    ]
    assert [one.entries for one in read_payload({"workers": [SLEEPER]}).fragments] == [[SLEEPER]]


def test_without_an_owner_nothing_can_be_found() -> None:
    with (
        pytest.raises(InvalidDocument, match="the owner is missing; set hodei_owner"),
        open_session(params(), write=False, environ={}),
    ):
        pass


def test_what_was_never_initialised(tmp_path: Path) -> None:
    """A document's own mistakes are told first; nothing is created in either case."""
    place = tmp_path / "me"
    for worker, words in ((SLEEPER, "never initialised"), ({"name": "a"}, "there is nothing to run")):
        with (
            pytest.raises(HodeiError, match=words),
            open_session(params(workers=[worker], **at(place)), write=True, environ={}),
        ):
            pass
    assert not place.exists()


def test_looking_creates_nothing(tmp_path: Path) -> None:
    given = params(workers=[SLEEPER], **initialised(tmp_path / "me"))
    before = sorted(tmp_path.rglob("*"))
    with open_session(given, write=False, environ={}) as session:
        assert session.document.lineage == LINEAGE, "state says it where the document does not"
        assert list(session.providers) == ["local"]
    assert sorted(tmp_path.rglob("*")) == before


def test_lost_state_is_begun_anew_only_with_the_lineage_of_the_document(tmp_path: Path) -> None:
    place = tmp_path / "me"
    create_key(place)
    with (
        pytest.raises(HodeiError, match="Put hodei_lineage into the document"),
        open_session(params(**at(place)), write=True, environ={}),
    ):
        pass
    with open_session(params(lineage=LINEAGE, **at(place)), write=False, environ={}) as session:
        assert session.state.lineage == LINEAGE
        assert "rebuilt from what the providers show" in session.warnings[0]
    assert not (place / "state.db").exists()
    with open_session(params(lineage=LINEAGE, **at(place)), write=True, environ={}) as session:
        assert session.store.read().lineage == LINEAGE


def test_the_lineage_of_the_document_goes_before_that_of_the_state(tmp_path: Path) -> None:
    """So that the engine can refuse it."""
    given = params(lineage=OTHER_LINEAGE, **initialised(tmp_path / "me"))
    with open_session(given, write=False, environ={}) as session:
        assert (session.document.lineage, session.state.lineage) == (OTHER_LINEAGE, LINEAGE)


def test_a_worker_task_opens_only_the_providers_that_it_needs(tmp_path: Path) -> None:
    own = initialised(tmp_path / "me")
    providers = {"one": {"type": "process"}, "two": {"type": "process"}}
    named: dict[str, Any] = {"workers": [{**SLEEPER, "provider": "two"}], "providers": providers}
    with open_session(
        {**params(**named, **own), "state": "present"}, write=False, only_named=True, environ={}
    ) as session:
        assert list(session.providers) == ["two"]
    with open_session(params(**named, **own), write=False, environ={}) as session:
        assert list(session.providers) == ["one", "two"]
    bare: dict[str, Any] = {"workers": [{"name": "a"}], "providers": providers}
    with open_session(
        {**params(**bare, **own), "state": "absent"}, write=False, only_named=True, environ={}
    ) as session:
        assert list(session.providers) == ["one", "two"], "a bare name may be anywhere"
        assert list(session.document.names) == ["a"]
