# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C1: create twice with one key gives one worker; another spec is a conflict."""

from __future__ import annotations

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import LogRequest, Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Lifecycle
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import LINEAGE, Fleet, needs
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for


def test_the_same_request_twice_is_one_worker(fleet: Fleet) -> None:
    """Idempotent on address, generation and digest, whatever the operation is called."""
    spec = fleet.rig.shell("sleep 600")
    first = fleet.make("twice", spec, operation="op-a")
    second = fleet.make("twice", spec, operation="op-b")
    assert (second.external_id, second.etag) == (first.external_id, first.etag)
    assert fleet.rig.objects() == 1


def test_the_same_request_twice_in_one_call_is_one_worker(fleet: Fleet) -> None:
    """A duplicated item is answered like the first."""
    request = fleet.request("pair", fleet.rig.shell("sleep 600"))
    outcomes = list(fleet.provider.create([request, request]))
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert fleet.rig.objects() == 1


def test_another_spec_under_the_same_key_is_a_conflict(fleet: Fleet) -> None:
    """What is there stays as it is."""
    made = fleet.make("spec", fleet.rig.shell("sleep 600"))
    outcome = fleet.create("spec", fleet.rig.shell("sleep 601"), digest="digest-2")
    assert outcome.error is not None
    assert outcome.error.kind is Kind.CONFLICT
    assert fleet.see("spec") == made


def test_another_generation_is_another_worker(fleet: Fleet) -> None:
    """Create before destroy: both live side by side."""
    old = fleet.make("both", fleet.rig.shell("sleep 600"))
    new = fleet.make("both", fleet.rig.shell("sleep 600"), generation=2, digest="digest-2")
    assert old.external_id != new.external_id
    assert sorted(one.generation for one in fleet.provider.list().observations) == [1, 2]


def test_an_object_of_another_lineage_is_shown_and_never_taken(fleet: Fleet) -> None:
    """Foreign: reported by list, a conflict for create, until update adopts it by name."""
    other = "22222222-2222-4222-8222-222222222222"
    spec = fleet.rig.shell("sleep 600")
    fleet.make("foreign", spec, lineage=other)
    outcome = fleet.create("foreign", spec)
    assert outcome.error is not None
    assert outcome.error.kind is Kind.CONFLICT
    seen = fleet.see("foreign")
    assert seen is not None
    assert seen.lineage == other

    (adopted,) = fleet.provider.update([fleet.request("foreign", spec, adopt_from=other, etag=seen.etag)])
    assert adopted.error is None
    assert adopted.observation is not None
    assert adopted.observation.lineage == LINEAGE
    assert adopted.observation.etag != seen.etag
    assert fleet.rig.objects() == 1


def test_what_was_asked_for_is_in_the_labels(fleet: Fleet) -> None:
    """Lost state is rebuilt from what list shows."""
    lifecycle = Lifecycle(prevent_destroy=True)
    fleet.make("labelled", fleet.rig.shell("sleep 600"), key=3, operation="op-9", lifecycle=lifecycle, digest="d-9")
    seen = fleet.see("labelled", 3)
    assert seen is not None
    assert (seen.lineage, seen.operation, seen.spec_digest, seen.key_id) == (LINEAGE, "op-9", "d-9", "key-1")
    assert (seen.protected, seen.intent, seen.state) == (True, Intent.STARTED, WorkerState.RUNNING)
    assert seen.created_at is not None


def test_what_becomes_of_it_when_it_leaves_the_document_is_in_the_labels(fleet: Fleet) -> None:
    """So that lost state does not delete what was to run on; an update writes it anew."""
    needs(fleet, "release")
    spec = fleet.rig.shell("sleep 600")
    made = fleet.make("leaves", spec, lifecycle=Lifecycle(on_remove="forget"))
    assert made.on_remove == "forget"
    (done,) = fleet.provider.update([fleet.request("leaves", spec, etag=made.etag)])
    assert done.error is None
    seen = fleet.see("leaves")
    assert seen is not None
    assert seen.on_remove == "destroy"


def test_intents_other_than_started(fleet: Fleet) -> None:
    """A worker may be made stopped or paused."""
    spec = fleet.rig.shell("sleep 600")
    assert fleet.make("stopped", spec, intent=Intent.STOPPED).state is WorkerState.STOPPED
    assert fleet.make("paused", spec, intent=Intent.PAUSED).state is WorkerState.PAUSED


def test_update_changes_labels_only_where_the_digest_is_the_same(fleet: Fleet) -> None:
    """An update against an older version of the object is a conflict."""
    spec = fleet.rig.shell("sleep 600")
    made = fleet.make("update", spec)
    protect = Lifecycle(prevent_destroy=True)
    (done,) = fleet.provider.update([fleet.request("update", spec, etag=made.etag, lifecycle=protect)])
    assert done.error is None
    assert done.observation is not None
    assert done.observation.protected
    assert (done.observation.started_at, done.observation.restarts) == (made.started_at, 0)

    (stale,) = fleet.provider.update([fleet.request("update", spec, etag=made.etag)])
    assert stale.error is not None
    assert stale.error.kind is Kind.CONFLICT


def test_a_verb_against_an_older_version_is_a_conflict(fleet: Fleet) -> None:
    """The world changed between plan and apply."""
    made = fleet.make("etag", fleet.rig.shell("sleep 600"))
    fleet.do(Verb.STOP, "etag", etag=made.etag)
    outcome = fleet.act(Verb.DELETE, "etag", etag=made.etag)
    assert outcome.error is not None
    assert outcome.error.kind is Kind.CONFLICT
    assert fleet.see("etag") is not None


def test_another_address_for_what_goes_on_living(fleet: Fleet) -> None:
    """Renamed in one step, asked for twice; its run, its log and what it is made of stay."""
    needs(fleet, "renaming")
    spec = fleet.rig.shell("echo hello; sleep 600")
    made = fleet.make("old", spec, key=3)
    wait_for(lambda: b"hello" in fleet.provider.logs(LogRequest(fleet.target("old", key=3))).text, "its first words")
    origin = Address("worker", "old", 3)
    move = fleet.request("new", {}, moved_from=origin, etag=made.etag, operation="op-2")
    for _unused in range(2):
        (outcome,) = fleet.provider.update([move])
        assert outcome.error is None
        seen = outcome.observation
        assert seen is not None
        assert (seen.address, seen.generation, seen.operation) == (Address("worker", "new"), 1, "op-2")
        assert (seen.started_at, seen.restarts, seen.spec_digest) == (made.started_at, 0, made.spec_digest)
        assert (seen.state, seen.key_id, seen.ports) == (made.state, made.key_id, made.ports)
        assert fleet.provider.list().observations == (seen,)
    assert fleet.rig.objects() == 1
    assert b"hello" in fleet.provider.logs(LogRequest(fleet.target("new"))).text

    again = fleet.make("old", spec, key=3)
    assert again.address == origin
    assert fleet.rig.objects() == 2
    (taken,) = fleet.provider.update([fleet.request("new", {}, moved_from=origin, operation="op-3")])
    assert taken.error is not None
    assert taken.error.kind is Kind.CONFLICT
    fleet.do(Verb.DELETE, "new")
    assert [one.address for one in fleet.provider.list().observations] == [origin]
    assert fleet.rig.objects() == 1
    fleet.do(Verb.RESTART, "old", key=3)

    (absent,) = fleet.provider.update([fleet.request("nobody", {}, moved_from=Address("worker", "who"))])
    assert absent.error is not None
    assert absent.error.kind is Kind.NOT_FOUND


def test_a_move_against_an_older_version_is_a_conflict(fleet: Fleet) -> None:
    """The world changed between plan and apply."""
    needs(fleet, "renaming")
    made = fleet.make("old", fleet.rig.shell("sleep 600"))
    fleet.do(Verb.PAUSE, "old", etag=made.etag)
    move = fleet.request("new", {}, moved_from=Address("worker", "old"), etag=made.etag, operation="op-2")
    (outcome,) = fleet.provider.update([move])
    assert outcome.error is not None
    assert outcome.error.kind is Kind.CONFLICT
    assert fleet.state("old") is WorkerState.PAUSED
