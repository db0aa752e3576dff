# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One supervisor takes the place of another; the workers notice nothing."""

from __future__ import annotations

from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.providers.process import launch
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.client import Version
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.provider import ProcessProvider
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import VERSION
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import OWNER, Fleet, ProcessRig


def build(rig: ProcessRig, version: str, remark: str) -> Fleet:
    """Return a fleet whose collection is of some version, its code told apart by a remark."""
    fleet = Fleet(rig)
    provider = ProcessProvider("local", {"directory": str(rig.place), "settle": 0.1}, OWNER)
    sources = dict(launch.payload().sources)
    sources["process/supervisor/wire.py"] += f"\nREMARK = {remark!r}\n".encode()
    digest = f"digest-{remark}"
    provider.__dict__["_payload"] = launch.Payload(sources, digest)
    provider._client._ours = lambda: Version(version, digest)
    successor = provider._successor
    provider._client._successor = provider._successor = lambda superseded: [  # type: ignore[method-assign]
        word.replace(f'"version": "{VERSION}"', f'"version": "{version}"') for word in successor(superseded)
    ]
    fleet.provider = provider
    return fleet


def running(fleet: Fleet) -> tuple[str, str]:
    """Return version and digest of the supervisor that runs."""
    provider = fleet.provider
    assert isinstance(provider, ProcessProvider)
    connection = provider._client.connect()
    assert connection is not None
    with connection:
        return connection.greeting.version, connection.greeting.digest


def test_a_newer_version_takes_over_with_the_exit_codes(rig: ProcessRig) -> None:
    """In place: the workers stay its children, what ends in between is not lost."""
    old, new = build(rig, "1.0.0", "old"), build(rig, "1.1.0", "new")
    spec = {**rig.shell("while ! test -e stop; do sleep 0.05; done; exit 7"), "restart": {"policy": "never"}}
    made = old.make("kept", spec)
    before, supervisor = rig.processes(), rig.supervisor()
    assert running(old) == ("1.0.0", "digest-old")

    new.make("other", rig.shell("sleep 600"))
    assert running(new) == ("1.1.0", "digest-new")
    assert rig.supervisor() == supervisor, "the same process"
    assert set(before[:1]) <= set(rig.processes())
    seen = new.see("kept")
    assert seen is not None
    assert (seen.state, seen.started_at, seen.etag) == (WorkerState.RUNNING, made.started_at, made.etag)
    assert new.provider.exec(ExecRequest(new.target("kept"), ("touch", "stop"))).exit_code == 0
    assert new.wait("kept", WorkerState.FAILED).exit_code == 7


def test_an_older_version_is_served_by_the_newer(rig: ProcessRig) -> None:
    """And leaves it where it is."""
    old, new = build(rig, "1.0.0", "old"), build(rig, "1.1.0", "new")
    new.make("first", rig.shell("sleep 600"))
    old.make("second", rig.shell("sleep 600"))
    assert running(old) == ("1.1.0", "digest-new")
    assert rig.objects() == 2


def test_two_builds_of_one_version_do_not_take_turns(rig: ProcessRig) -> None:
    """The one that came last stays, whoever calls."""
    one, two = build(rig, "1.0.0", "one"), build(rig, "1.0.0", "two")
    one.make("a", rig.shell("sleep 600"))
    two.make("b", rig.shell("sleep 600"))
    for fleet in (one, two, one):
        fleet.provider.list()
        fleet.make("a", rig.shell("sleep 600"))
        assert running(fleet) == ("1.0.0", "digest-two")
    assert rig.objects() == 2


def test_a_successor_that_does_not_start_loses_nothing(rig: ProcessRig) -> None:
    """The next call starts a sound one, which adopts."""
    old, new = build(rig, "1.0.0", "old"), build(rig, "1.2.0", "new")
    made = old.make("kept", rig.shell("sleep 600"))
    provider = old.provider
    assert isinstance(provider, ProcessProvider)
    connection = provider._client.connect()
    assert connection is not None
    with connection:
        list(connection.ask({"op": "handover", "command": ["/bin/false"]}))
    other = new.make("other", rig.shell("sleep 600"))
    assert {one.external_id for one in new.provider.list().observations} == {made.external_id, other.external_id}
    assert rig.objects() == 2
