# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every state backend must do: the StateStore port, behaviour by behaviour."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.audit import AuditHead
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Lease, Run, State
from ansible_collections.hodei.workers.tests.conformance.state.builders import (
    LINEAGE,
    OWNER,
    RUNNER,
    T0,
    TTL,
    WEB,
    ended,
    operation,
    resource,
)


def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> HodeiError:
    with pytest.raises(HodeiError) as caught:
        call(*args, **kwargs)
    return caught.value


def acquire(store: Any, holder: str = "alice", now: float = T0, **options: Any) -> Lease:
    return store.acquire(holder, TTL, now, **options)


class TestInitialise:
    def test_does_not_exist_before(self, open_state: Any) -> None:
        store = open_state()
        assert not store.exists()
        assert not open_state(read_only=True).exists()

    @pytest.mark.parametrize("read_only", [False, True])
    def test_read_before_says_what_to_run(self, open_state: Any, read_only: bool) -> None:
        error = refused(open_state(read_only=read_only).read)
        assert error.kind is Kind.NOT_FOUND
        assert "hodei.workers.init" in error.hint

    def test_empty_state_is_there_for_everybody(self, store: Any, open_state: Any) -> None:
        for reader in (store, open_state(), open_state(read_only=True)):
            assert reader.exists()
            assert reader.read() == State(OWNER, LINEAGE, 0)
            assert reader.lease() is None
            assert reader.history(10) == []
            assert reader.events(None, 10) == []

    def test_second_time_is_refused_and_keeps_the_first(self, store: Any) -> None:
        assert refused(store.initialise, "other", "lineage", T0).kind is Kind.ALREADY_EXISTS
        assert store.read() == State(OWNER, LINEAGE, 0)

    def test_read_only_refuses_every_write(self, store: Any, open_state: Any) -> None:
        lease = acquire(store)
        reader = open_state(read_only=True)
        for call in (
            lambda: reader.initialise(OWNER, LINEAGE, T0),
            lambda: acquire(reader),
            lambda: reader.begin(lease, [operation("a")]),
            lambda: reader.end(lease, []),
            lambda: reader.release(lease),
        ):
            assert "reading only" in refused(call).message

    def test_usable_again_after_close(self, store: Any) -> None:
        store.close()
        store.close()
        assert store.read() == State(OWNER, LINEAGE, 0)


class TestJournal:
    def test_begun_operation_is_pending_with_all_its_fields(self, store: Any, open_state: Any) -> None:
        begun = operation("a")
        store.begin(acquire(store), [begun])
        for reader in (open_state(), open_state(read_only=True)):
            assert reader.read().pending == (begun,)
            assert reader.read().serial == 0

    def test_end_writes_the_resource_and_counts(self, store: Any, open_state: Any) -> None:
        lease, left = acquire(store), resource()
        store.begin(lease, [operation("a")])
        assert store.end(lease, [ended("a", put=(left,))]) == 1
        for reader in (open_state(), open_state(read_only=True)):
            assert reader.read() == State(OWNER, LINEAGE, 1, resources=(left,))

    def test_serial_grows_by_one_for_each_end_transaction(self, store: Any) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("a"), operation("b", WEB), operation("c", WEB, 2)])
        assert store.end(lease, [ended("a"), ended("b")]) == 1
        assert store.end(lease, [ended("c")]) == 2
        assert store.read().serial == 2

    def test_pending_keeps_the_order_of_beginning(self, store: Any) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("z"), operation("m", WEB)])
        store.begin(lease, [operation("a", WEB, 2)])
        store.end(lease, [ended("m")])
        assert [item.op_id for item in store.read().pending] == ["z", "a"]

    def test_put_replaces_and_drop_forgets(self, store: Any) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("a"), operation("b"), operation("c")])
        store.end(lease, [ended("a", put=(resource(external_id="old"), resource(WEB)))])
        store.end(lease, [ended("b", put=(resource(external_id="new"),))])
        assert {item.external_id for item in store.read().resources if item.address == RUNNER} == {"new"}
        store.end(lease, [ended("c", drop=((RUNNER, 1),))])
        assert store.read().resources == (resource(WEB),)

    def test_another_owner_takes_all_of_it(self, store: Any, open_state: Any) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("a")])
        store.end(lease, [ended("a", put=(resource(),))])
        before = store.read()
        store.give_to(lease, "other")
        assert open_state(read_only=True).read() == dataclasses.replace(before, owner="other")
        store.release(lease)
        assert refused(store.give_to, lease, OWNER).kind is Kind.CONFLICT

    def test_drop_of_what_is_not_there_is_harmless(self, store: Any) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("a")])
        store.end(lease, [ended("a", drop=((RUNNER, 7),))])
        assert store.read().resources == ()

    def test_the_last_word_in_one_call_counts(self, store: Any) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("a"), operation("b"), operation("c", WEB), operation("d", WEB)])
        store.end(
            lease,
            [
                ended("a", put=(resource(),)),
                ended("b", drop=((RUNNER, 1),)),
                ended("c", drop=((WEB, 1),)),
                ended("d", put=(resource(WEB),)),
            ],
        )
        assert store.read().resources == (resource(WEB),)

    def test_replacement_deposes_in_the_same_transaction(self, store: Any) -> None:
        lease, old = acquire(store), resource()
        store.begin(lease, [operation("a"), operation("b", generation=2)])
        store.end(lease, [ended("a", put=(old,))])
        deposed, new = dataclasses.replace(old, deposed=True), resource(generation=2)
        store.end(lease, [ended("b", put=(new, deposed))])
        assert store.read().resources == (deposed, new)

    def test_two_current_objects_of_one_address_are_refused_whole(self, store: Any) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("a"), operation("b", generation=2)])
        store.end(lease, [ended("a", put=(resource(),))])
        before = store.read()
        assert refused(store.end, lease, [ended("b", put=(resource(generation=2),))]).kind is Kind.INTERNAL
        assert store.read() == before

    def test_operation_id_is_used_once(self, store: Any) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("a")])
        assert refused(store.begin, lease, [operation("b"), operation("a")]).kind is Kind.CONFLICT
        assert [item.op_id for item in store.read().pending] == ["a"]

    @pytest.mark.parametrize("op_id", ["never-begun", "ended"])
    def test_end_of_what_is_not_in_flight_is_refused_whole(self, store: Any, op_id: str) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("ended"), operation("b", WEB)])
        store.end(lease, [ended("ended")])
        before = store.read()
        error = refused(store.end, lease, [ended("b"), ended(op_id, put=(resource(),))])
        assert error.kind is Kind.CONFLICT
        assert op_id in error.message
        assert store.read() == before

    def test_another_run_settles_what_the_last_one_left(self, store: Any) -> None:
        store.begin(acquire(store), [operation("a")])
        later = acquire(store, "bob", T0 + TTL)
        store.end(later, [ended("a", put=(resource(),))])
        assert store.read().pending == ()

    def test_integers_for_times_are_read_back_equal(self, store: Any) -> None:
        lease, left = acquire(store, now=int(T0)), resource(created_at=0, updated_at=1)
        store.begin(lease, [operation("a", begun_at=5)])
        assert store.read().pending[0].begun_at == 5
        store.end(lease, [ended("a", ended_at=6, put=(left,))])
        assert store.read().resources == (left,)

    def test_threads_may_share_a_store(self, store: Any) -> None:
        lease, failures = acquire(store), []

        def work(name: str) -> None:
            try:
                for index in range(10):
                    store.begin(lease, [operation(f"{name}{index}")])
                    store.end(lease, [ended(f"{name}{index}")])
            except HodeiError as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failures == []
        assert store.read() == State(OWNER, LINEAGE, 40)


class TestLease:
    def test_free_lease_is_given(self, store: Any, open_state: Any) -> None:
        lease = acquire(store)
        assert lease == Lease("alice", 1, T0, T0 + TTL, TTL, LINEAGE)
        assert open_state(read_only=True).lease() == lease

    def test_held_lease_is_a_conflict_that_says_who_and_how_long(self, store: Any, open_state: Any) -> None:
        acquire(store)
        error = refused(acquire, open_state(), "bob", T0 + 12)
        assert error.kind is Kind.CONFLICT
        assert error.retryable
        for part in ("alice", "for 12 s now", "expires in 48 s"):
            assert part in error.message
        assert "break_lease: true" in error.hint
        assert "Wait" in error.hint

    def test_the_same_holder_does_not_get_it_twice(self, store: Any) -> None:
        acquire(store)
        assert refused(acquire, store).kind is Kind.CONFLICT

    def test_expired_lease_is_given_with_a_higher_fence(self, store: Any, open_state: Any) -> None:
        first = acquire(store)
        second = acquire(open_state(), "bob", T0 + TTL)
        assert second.fence > first.fence
        assert second.holder == "bob"

    def test_lease_of_a_dead_holder_is_given_at_once(self, store: Any, open_state: Any) -> None:
        acquire(store)
        assert acquire(open_state(is_dead=lambda holder: holder == "alice"), "bob", T0 + 1).holder == "bob"

    def test_lease_can_be_broken(self, store: Any) -> None:
        first = acquire(store)
        assert acquire(store, "bob", T0 + 1, break_lease=True).fence > first.fence

    def test_fence_never_repeats(self, store: Any, open_state: Any) -> None:
        fences = []
        for turn in range(3):
            lease = acquire(store, now=T0 + turn)
            fences.append(lease.fence)
            store.release(lease)
            fences.append(acquire(store, "bob", T0 + turn).fence)
            fences.append(acquire(open_state(), "eve", T0 + turn, break_lease=True).fence)
            store.release(open_state().lease())
        assert fences == sorted(set(fences))

    def test_renewal_extends(self, store: Any) -> None:
        lease = acquire(store)
        extended = store.renew(lease, T0 + 30)
        assert extended == dataclasses.replace(lease, expires_at=T0 + 30 + TTL)
        assert refused(acquire, store, "bob", T0 + TTL + 1).kind is Kind.CONFLICT

    def test_holder_may_go_on_past_its_expiry_while_nobody_took_the_lease(self, store: Any) -> None:
        lease = acquire(store)
        assert store.renew(lease, T0 + 10 * TTL).expires_at == T0 + 11 * TTL

    def test_release_frees_and_may_be_repeated(self, store: Any) -> None:
        lease = acquire(store)
        store.release(lease)
        store.release(lease)
        assert store.lease() is None
        assert acquire(store, "bob").holder == "bob"

    def test_release_of_a_lost_lease_leaves_the_new_one(self, store: Any) -> None:
        old = acquire(store)
        new = acquire(store, "bob", T0 + TTL)
        store.release(old)
        assert store.lease() == new


class TestFence:
    """Invariant 5: every write is compare-and-set on lineage and fence."""

    @pytest.mark.parametrize("loss", ["taken", "broken", "released", "other lineage", "other holder"])
    @pytest.mark.parametrize("write", ["begin", "end", "start_run", "finish_run", "renew"])
    def test_invariant_5_a_stale_lease_writes_nothing(self, store: Any, open_state: Any, loss: str, write: str) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("a")])
        store.start_run(lease, Run("run-1", "converge", T0))
        if loss == "taken":
            acquire(open_state(), "bob", T0 + TTL)
        elif loss == "broken":
            acquire(open_state(), "bob", T0, break_lease=True)
        elif loss == "released":
            store.release(lease)
        elif loss == "other lineage":
            lease = dataclasses.replace(lease, lineage="another")
        else:
            lease = dataclasses.replace(lease, holder="mallory")
        before = store.read(), store.lease(), store.history(9), store.events(None, 9)
        calls: dict[str, Callable[[], Any]] = {
            "begin": lambda: store.begin(lease, [operation("b", WEB)]),
            "end": lambda: store.end(lease, [ended("a", put=(resource(),))]),
            "start_run": lambda: store.start_run(lease, Run("run-2", "converge", T0)),
            "finish_run": lambda: store.finish_run(lease, Run("run-1", "converge", T0, ended_at=T0 + 9)),
            "renew": lambda: store.renew(lease, T0 + 1),
        }
        error = refused(calls[write])
        assert error.kind is Kind.CONFLICT
        assert not error.retryable
        assert "nothing was written" in error.message
        assert (store.read(), store.lease(), store.history(9), store.events(None, 9)) == before


class TestHistory:
    def test_runs_newest_first(self, store: Any, open_state: Any) -> None:
        lease = acquire(store)
        first, second = Run("r1", "converge", T0, "doc", "alice"), Run("r2", "destroy", T0 + 20, "doc", "bob")
        done = dataclasses.replace(first, ended_at=T0 + 9, result="ok", summary={"create": 2, "failed": 0}, serial=4)
        store.start_run(lease, first)
        store.finish_run(lease, done)
        store.start_run(lease, second)
        assert open_state(read_only=True).history(10) == [second, done]
        assert store.history(1) == [second]

    def test_run_is_started_once(self, store: Any) -> None:
        lease = acquire(store)
        store.start_run(lease, Run("r1", "converge", T0))
        assert refused(store.start_run, lease, Run("r1", "converge", T0)).kind is Kind.CONFLICT

    def test_run_without_work_is_recorded_by_its_end_alone(self, store: Any) -> None:
        run = Run("r1", "converge", T0, ended_at=T0 + 1, result="ok", summary={"noop": 3})
        store.finish_run(acquire(store), run)
        assert store.history(9) == [run]

    def test_last_converge_is_remembered(self, store: Any) -> None:
        lease = acquire(store)
        for run_id, kind, at in (("r1", "converge", T0 + 5), ("r2", "destroy", T0 + 9)):
            store.start_run(lease, Run(run_id, kind, at - 1))
            store.finish_run(lease, Run(run_id, kind, at - 1, ended_at=at))
        assert store.read().last_converge == T0 + 5

    def test_events_tell_what_was_done_newest_first(self, store: Any) -> None:
        lease = acquire(store)
        store.begin(lease, [operation("a"), operation("b", verb="stop"), operation("c", WEB, begun_at=T0 + 3)])
        store.end(lease, [ended("a", ended_at=T0 + 9)])
        store.end(lease, [ended("b", ended_at=T0 + 11, error={"kind": "timeout", "message": "no reply"})])
        events = store.events(RUNNER, 10)
        assert [(item.at, item.address, item.event) for item in events] == [
            (T0 + 11, "worker.runner[2]", "stop_failed"),
            (T0 + 9, "worker.runner[2]", "create"),
        ]
        assert events[0].detail == "no reply"
        assert store.events(WEB, 10)[0].event == "create_unfinished"
        assert store.events(RUNNER, 1) == events[:1]

    def test_events_of_all_include_runs(self, store: Any) -> None:
        lease = acquire(store)
        store.start_run(lease, Run("r1", "converge", T0))
        store.begin(lease, [operation("a")])
        store.end(lease, [ended("a", ended_at=T0 + 4)])
        assert [item.event for item in store.events(None, 10)] == ["create", "converge_unfinished"]
        store.finish_run(lease, Run("r1", "converge", T0, ended_at=T0 + 9, result="ok"))
        assert [(item.event, item.detail) for item in store.events(None, 1)] == [("converge", "ok")]


class TestAnchors:
    def test_nothing_is_known_before(self, store: Any) -> None:
        assert store.anchors().get("ci/host/0") is None

    def test_the_latest_head_of_each_chain_is_known_to_all(self, store: Any, open_state: Any) -> None:
        for head in (
            AuditHead("a", 3, "x3"),
            AuditHead("b", 1, "y1"),
            AuditHead("a", 7, "x7"),
            AuditHead("a", 7, "x7"),
        ):
            store.anchor(head)
        for reader in (store, open_state(), open_state(read_only=True)):
            assert reader.anchors().get("a") == AuditHead("a", 7, "x7")
            assert reader.anchors().get("b") == AuditHead("b", 1, "y1")

    @pytest.mark.parametrize("head", [AuditHead("a", 6, "x6"), AuditHead("a", 7, "other")])
    def test_a_chain_that_was_cut_or_replaced_is_told_and_not_remembered(self, store: Any, head: AuditHead) -> None:
        store.anchor(AuditHead("a", 7, "x7"))
        error = refused(store.anchor, head)
        assert error.kind is Kind.CONFLICT
        assert "record 7" in error.message
        assert store.anchors().get("a") == AuditHead("a", 7, "x7")

    def test_it_needs_no_lease_and_changes_nothing_else(self, store: Any) -> None:
        acquire(store)
        before = store.read(), store.lease()
        store.anchor(AuditHead("a", 7, "x7"))
        assert (store.read(), store.lease()) == before

    def test_before_init_there_is_nothing(self, open_state: Any) -> None:
        assert refused(open_state().anchor, AuditHead("a", 1, "x")).kind is Kind.NOT_FOUND
        assert refused(open_state(read_only=True).anchors).kind is Kind.NOT_FOUND


class TestMemory:
    def test_things_are_known_to_all_until_they_are_forgotten(self, store: Any, open_state: Any) -> None:
        assert store.remembered() == {}
        store.remember({"store/a": ["x", 7], "settings": {"audit": None}})
        store.remember({"store/a": ["x", 9], "other": 1})
        store.remember({"other": None})
        for reader in (store, open_state(), open_state(read_only=True)):
            assert reader.remembered() == {"store/a": ["x", 9], "settings": {"audit": None}}

    def test_it_needs_no_lease_and_changes_nothing_else(self, store: Any) -> None:
        acquire(store)
        before = store.read(), store.lease()
        store.remember({"store/a": 1})
        assert (store.read(), store.lease()) == before

    def test_chains_that_are_lost_are_forgotten_together(self, store: Any) -> None:
        store.anchor(AuditHead("a", 7, "x7"))
        store.forget_anchors()
        assert store.anchors() == {}
        store.anchor(AuditHead("a", 1, "z1"))
        assert store.anchors() == {"a": AuditHead("a", 1, "z1")}
