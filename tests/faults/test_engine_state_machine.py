# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet's whole life at random: documents change, providers fail, people meddle, processes die, state is lost.

After each step state is sound, nobody's objects but ours were touched, what is protected lives, and nothing was deleted where a
list was cut short. In the end, with good weather, one converge or two make the world what the document says.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Ports, Report, converge
from ansible_collections.hodei.workers.plugins.module_utils.engine.interrupt import Stop
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.change import Action
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, InvalidDocument, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Limits
from ansible_collections.hodei.workers.tests.support.drawn import DRAINS, NAMES, PROVIDERS, Workers, fleets, needed
from ansible_collections.hodei.workers.tests.support.fleets import LINEAGE, OTHER_LINEAGE, Fleet, actions, document
from ansible_collections.hodei.workers.tests.support.model_cloud import ITEM_FAULTS, LISTING, Cloud, ModelProvider
from ansible_collections.hodei.workers.tests.support.mortal import MortalStore, living

SOAK = bool(os.environ.get("HODEI_SOAK"))

call_faults = st.tuples(
    st.sampled_from(["create", "create", "update", "delete", "start", "stop", "drain", "*"]),
    st.sampled_from(ITEM_FAULTS),
    st.sampled_from([*NAMES, "*"]),
    st.integers(1, 3),
)
list_faults = st.one_of(
    st.tuples(st.just("list"), st.sampled_from(LISTING), st.sampled_from([*NAMES, "*"]), st.integers(1, 3)),
    st.tuples(st.just("fingerprint"), st.just("refuse"), st.just("*"), st.just(1)),
)
#: Good weather, calls that fail, or providers that cannot be seen.
weather = st.one_of(
    st.just([]), st.lists(call_faults, min_size=1, max_size=3), st.lists(list_faults, min_size=1, max_size=2)
)
deaths = st.one_of(st.none(), st.integers(1, 40))
edits = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.one_of(
            st.sampled_from([{"image": "app:1"}, {"image": "app:2"}, {"image": "app:3"}]),
            st.sampled_from([{"env": {"MODE": "slow"}}, {"env": {"MODE": "fast"}}]),
            st.sampled_from([{"provider": name} for name in PROVIDERS]),
            st.sampled_from([{"state": "started"}, {"state": "stopped"}, {"state": "paused"}]),
            st.sampled_from([{"lifecycle": {"prevent_destroy": True}}, {"lifecycle": {"prevent_destroy": False}}]),
            st.sampled_from(
                [{"lifecycle": {"replace": order}} for order in ("create_before_destroy", "destroy_before_create")]
            ),
            st.sampled_from([{"lifecycle": {"drain": drain}} for drain in DRAINS]),
            st.none(),
        ),
    ),
    max_size=3,
)


_MISHAPS: dict[str, dict[str, Any]] = {
    "dies": {"state": "failed", "exit_code": -9},
    "stops": {"state": "stopped"},
    "drifts": {"drift": {"resources.memory": 1}},
    "is meddled with": {"digest": "f" * 32},
    "gets work": {"busy": 2},
}


class FleetLife(RuleBasedStateMachine):
    """One fleet, its world, and everything that happens to them."""

    def __init__(self) -> None:
        super().__init__()
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.directory = Path(tempfile.mkdtemp(prefix="hodei-life-", dir=base))
        self.cloud = Cloud()
        limits = Limits(bulk=2, parallel=2)
        providers = [ModelProvider(self.cloud, name, limits=limits) for name in PROVIDERS]
        self.fleet = Fleet(self.directory, cloud=self.cloud, providers=providers)
        self._reopen()
        self.workers: Workers = []
        self.foreign: list[dict[str, Any]] = []
        self.moved: list[dict[str, str]] = []

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.fleet.store.close()
            shutil.rmtree(self.directory)

    # ---- what happens ------------------------------------------------------------------------------------------

    @initialize(workers=fleets())
    def begin(self, workers: Workers) -> None:
        self.workers = workers
        self._run(self.workers, [], None)

    @rule(workers=fleets())
    def write_another_document(self, workers: Workers) -> None:
        self.workers = workers

    @rule(edits=edits, faults=weather, death=deaths, prune=st.sampled_from([True, True, False]), wait=st.booleans())
    def edit_and_converge(
        self, edits: list[Any], faults: list[Any], death: int | None, prune: bool, wait: bool = True
    ) -> None:
        for name, change in edits:
            self._edit(name, change)
        options = {"prune": prune, "max_deletes": 100, "allow_empty": True, "wait_for_drain": wait}
        self._run(self.workers, faults, death, **options)

    @rule()
    def work_ends_and_providers_do_what_was_left_to_them(self) -> None:
        with self.cloud.change() as data:
            for one in data["objects"].values():
                one["busy"] = 0
        for provider in self.fleet.providers.values():
            provider.settle()

    @rule(edits=edits, faults=weather, death=deaths)
    def edit_and_converge_again(self, edits: list[Any], faults: list[Any], death: int | None) -> None:
        """The same once more: it is what happens most."""
        self.edit_and_converge(edits, faults, death, prune=True)

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), edits=edits, faults=weather, death=deaths)
    def rename_and_converge(self, data: st.DataObject, edits: list[Any], faults: list[Any], death: int | None) -> None:
        """A worker gets another name; what moved is the object that it was."""
        chosen = data.draw(st.sampled_from(self.workers))
        free = [name for name in NAMES if name not in {one["name"] for one in self.workers}]
        if not free:
            return
        old, new = chosen["name"], data.draw(st.sampled_from(free))
        chosen["name"] = new
        for one in self.workers:
            one["depends_on"] = [new if other == old else other for other in one.get("depends_on", ())]
        self.moved.append({"from": old, "to": new})
        before = {one["external_id"]: one["address"] for one in self.cloud.objects()}
        for name, change in edits:
            self._edit(name, change)
        report = self._run(self.workers, faults, death, prune=True, max_deletes=100, allow_empty=True)
        for result in report.results if report is not None else ():
            if result.change.action is Action.MOVE and result.status == "done" and result.outcome is not None:
                seen = result.outcome.observation
                assert seen is not None
                assert before[seen.external_id] in (str(result.change.moved_from), str(result.change.address))

    @rule(faults=weather, death=deaths)
    def destroy(self, faults: list[Any], death: int | None) -> None:
        self._run(self.workers, faults, death, destroy=True)

    @precondition(lambda self: self.workers)
    @rule(
        data=st.data(),
        state=st.sampled_from(["present", "started", "stopped", "paused", "restarted", "absent"]),
        death=deaths,
    )
    def use_the_worker_module(self, data: st.DataObject, state: str, death: int | None) -> None:
        chosen = data.draw(st.sampled_from(self.workers))
        only = [{name: value for name, value in chosen.items() if name != "depends_on"}]
        kin = self._kin({chosen["name"]})
        others = [one for one in self.cloud.objects() if not any(_is(one, name) for name in kin)]
        self._run(only, [], death, state=state, prune=False)
        assert [one for one in self.cloud.objects() if not any(_is(one, name) for name in kin)] == others

    @rule(name=st.sampled_from(NAMES))
    def converge_a_target(self, name: str) -> None:
        chosen = self._kin(needed(self.workers, name))
        others = [one for one in self.cloud.objects() if not any(_is(one, name) for name in chosen)]
        self._run(self.workers, [], None, prune=True, targets=(name,), max_deletes=100, allow_empty=True)
        assert [one for one in self.cloud.objects() if not any(_is(one, name) for name in chosen)] == others

    @rule()
    def preview(self) -> None:
        before = (self.cloud.objects(), self.fleet.state)
        first = self.fleet.preview(self._document(), max_deletes=100)
        again = self.fleet.preview(self._document(), max_deletes=100)
        assert first.plan == again.plan
        assert (self.cloud.objects(), self.fleet.state) == before

    @precondition(lambda self: self.cloud.objects())
    @rule(data=st.data(), what=st.sampled_from([*_MISHAPS, "vanishes", "is stolen"]))
    def an_object(self, data: st.DataObject, what: str) -> None:
        ours = [one["name"] for one in self._ours()]
        if not ours:
            return
        name = data.draw(st.sampled_from(ours))
        if what == "vanishes":
            self._vanish(name)
        elif what == "is stolen":
            if not self.foreign:
                self._alter(name, lineage=OTHER_LINEAGE)
                self.foreign = [found for found in self.cloud.objects() if found["lineage"] == OTHER_LINEAGE]
        else:
            self._alter(name, **_MISHAPS[what])

    @rule()
    def state_is_lost(self) -> None:
        self.fleet.lose_state()
        self._reopen()

    @rule()
    def somebody_else_holds_the_lease(self) -> None:
        store = SqliteState(self.fleet.path)
        store.acquire("somebody else", 1e9, self.cloud.now, break_lease=True)
        before = self.cloud.objects()
        ports = Ports(store, dict(self.fleet.providers))
        with pytest.raises(HodeiError) as refused:
            converge(self.fleet.request(self._document(), lease_timeout=0.0), ports, self.fleet.tools)
        assert refused.value.kind is Kind.CONFLICT
        assert self.cloud.objects() == before
        self._run(self.workers, [], None, prune=True, max_deletes=100, allow_empty=True, break_lease=True)
        store.close()

    # ---- what must hold ----------------------------------------------------------------------------------------

    @invariant()
    def state_is_sound(self) -> None:
        assert verify(self.fleet.state) == []

    @invariant()
    def nothing_foreign_was_touched(self) -> None:
        assert [one for one in self.cloud.objects() if one["lineage"] == OTHER_LINEAGE] == self.foreign

    @invariant()
    def objects_do_not_pile_up(self) -> None:
        assert max(Counter(one["address"] for one in self._ours()).values(), default=0) <= 3

    def settle(self) -> None:
        """With good weather the world becomes what the document says, in one converge, as far as nothing stands in the way."""
        for one in self.foreign:
            self._vanish(one["name"])
        self.foreign = []
        if not self._settled():
            self._lift_protection()
            assert self._settled(), "a converge with nothing in its way is refused"

    def _settled(self) -> bool:
        """Converge, and check everything; False when protection refuses."""
        options = {"prune": True, "max_deletes": 100, "allow_empty": True}
        report = self._run(self.workers, [], None, **options)
        if report is not None and report.failed:
            self._untwin(report)
            report = self._run(self.workers, [], None, **options)
        if report is None:
            return False
        assert not report.failed, (report.plan.blocked, [one.reason for one in report.results])
        assert actions(self.fleet.preview(self._document(), prune=True, max_deletes=100)) == {}
        wanted = {str(one.address): one for one in self._document().instances}
        objects = self.cloud.objects()
        assert Counter(one["address"] for one in objects) == Counter(list(wanted))
        remembered = {(str(one.address), one.generation, one.provider) for one in self.fleet.state.resources}
        assert remembered == {(one["address"], one["generation"], one["provider"]) for one in objects}
        assert self.fleet.state.pending == ()
        for one in objects:
            instance = wanted[one["address"]]
            assert (one["digest"], one["provider"]) == (instance.digest, instance.provider)
        return True

    # ---- inside ------------------------------------------------------------------------------------------------

    def _moves(self) -> list[dict[str, str]]:
        """The entries that a sensible person would keep: the latest word about each name, and none about a name in use."""
        used = {one["name"] for one in self.workers}
        found: list[dict[str, str]] = []
        for one in reversed(self.moved):
            ends = {other["from"]: other["to"] for other in found}
            end = one["to"]
            while end in ends:
                end = ends[end]
            fresh = one["from"] not in used | set(ends) and one["to"] not in ends.values()
            if fresh and end != one["from"]:
                found.insert(0, one)
        return found

    def _kin(self, names: set[str]) -> set[str]:
        """Names, and those whose objects move to or from them."""
        found = set(names)
        for _unused in self.moved:
            for one in self.moved:
                if found & set(one.values()):
                    found |= set(one.values())
        return found

    def _edit(self, name: str, change: dict[str, Any] | None) -> None:
        """Change one worker of the document; None removes it, and a worker that is not there yet is added."""
        others = [one for one in self.workers if one["name"] != name]
        if change is None:
            for one in others:
                one["depends_on"] = [other for other in one.get("depends_on", ()) if other != name]
            self.workers = others
            return
        new: dict[str, Any] = {"name": name, "provider": "cloud", "state": "started", "lifecycle": {}}
        worker = next((one for one in self.workers if one["name"] == name), new)
        lifecycle = worker["lifecycle"] | change.get("lifecycle", {})
        changed = {**worker, **change, "lifecycle": lifecycle}
        self.workers = [changed if one is worker else one for one in self.workers]
        if worker is new:
            self.workers.append(changed)

    def _run(self, workers: Workers, faults: list[Any], death: int | None, **options: Any) -> Report | None:
        """Run the engine once, dying at a failpoint perhaps, and check what it did to the world."""
        self.cloud.faults.clear()
        for verb, kind, pattern, times in faults:
            self.cloud.fail(verb, kind, pattern, times)
        wanted = document(workers, providers=PROVIDERS, moved=self._moves())
        objects, logged = self.cloud.objects(), len(self.cloud.log())
        self.fleet.stop = Stop()
        report = None
        refused = False
        with living(death, self.fleet.stop) as life:
            ports = Ports(MortalStore(self.fleet.store, lambda: life.dead), dict(self.fleet.providers))
            try:
                report = converge(self.fleet.request(wanted, **options), ports, self.fleet.tools)
            except InvalidDocument as error:
                note(str(error))
                refused = True
        note(f"{options} death={death} died={life.dead} faults={faults}: {actions(report) if report else refused}")
        deleted = [one for one in self.cloud.log()[logged:] if one["verb"] == "delete"]
        cut_short = any(
            one.kind in ("partial", "broken_list", "refuse") and one.times < times for one, times in self._given(faults)
        )
        if not any(kind in ("stale", "unknown", "starting", "unready") for _unused, kind, *_rest in faults):
            self._nobody_is_stopped_at_work(logged)
        if refused:
            assert self.cloud.objects() == objects
        if cut_short and report is not None:
            assert not {one["provider"] for one in deleted} & set(report.survey.world.unseen)
        self._protected_ones_live(deleted, objects, wanted)
        if not options.get("destroy") and options.get("state") in (None, "present", "started"):
            self._nobody_is_missed(objects, wanted, faults)
        self.cloud.faults.clear()
        return report

    def _nobody_is_stopped_at_work(self, logged: int) -> None:
        stopped = [one for one in self.cloud.log()[logged:] if one["verb"] in ("delete", "stop", "restart")]
        assert not [one for one in stopped if one["drain"] and one["busy"] and one["state"] == "running"]

    def _given(self, faults: list[Any]) -> list[tuple[Any, int]]:
        return [
            (one, times)
            for one, (verb, _unused, _unused, times) in zip(self.cloud.faults, faults, strict=True)
            if verb != "create"
        ]

    def _protected_ones_live(self, deleted: list[dict[str, Any]], before: list[dict[str, Any]], wanted: Any) -> None:
        """What is protected goes only where the document says that it is no more, or when a newer one has its place."""
        says = {str(one.address): one.lifecycle.prevent_destroy for one in wanted.instances}
        newest = Counter[str]()
        for one in (*before, *self.cloud.objects()):
            newest[one["address"]] = max(newest[one["address"]], one["generation"])
        for one in deleted:
            if one["protected"] and one["generation"] == newest[one["address"]]:
                assert says.get(one["address"]) is False, one

    def _nobody_is_missed(self, before: list[dict[str, Any]], wanted: Any, faults: list[Any]) -> None:
        """Invariant 12: what is replaced by create_before_destroy runs before and after, whatever happened in between."""
        if any(kind in ("unready", "starting") and verb != "create" for verb, kind, *_unused in faults):
            return
        running = {one["address"] for one in self._ours() if one["state"] == "running"}
        for instance in wanted.instances:
            address = str(instance.address)
            ran = any(
                one["address"] == address and one["state"] == "running" and one["lineage"] == LINEAGE for one in before
            )
            if ran and instance.state == "started" and instance.lifecycle.replace == "create_before_destroy":
                assert address in running, f"{address} ran before and does not any more"

    def _reopen(self) -> None:
        """Every holder of a lease is dead when the next run begins: each run is a process of its own."""
        self.fleet.store.close()
        self.fleet.store = SqliteState(self.fleet.path, is_dead=lambda holder: holder == "tester")

    def _document(self) -> Any:
        return document(self.workers, providers=PROVIDERS, moved=self._moves())

    def _ours(self) -> list[dict[str, Any]]:
        return [one for one in self.cloud.objects() if one["lineage"] == LINEAGE]

    def _vanish(self, name: str) -> None:
        with self.cloud.change() as data:
            del data["objects"][name]

    def _alter(self, name: str, **fields: Any) -> None:
        with self.cloud.change() as data:
            data["objects"][name].update(fields)
            data["objects"][name]["version"] += not fields.keys() <= {"state", "exit_code", "busy"}

    def _lift_protection(self) -> None:
        """Protect nothing any more: not the document, not the labels, and state begins anew from those."""
        for worker in self.workers:
            worker["lifecycle"] = {**worker["lifecycle"], "prevent_destroy": False}
        with self.cloud.change() as data:
            for one in data["objects"].values():
                one["protected"] = False
        self.state_is_lost()

    def _untwin(self, report: Report) -> None:
        """Do what the message asks for: delete one of two objects that claim the same generation."""
        with self.cloud.change() as data:
            for address in report.plan.blocked:
                twins = [name for name, one in data["objects"].items() if one["address"] == address]
                for name in twins[1:]:
                    del data["objects"][name]


def _is(one: dict[str, Any], name: str) -> bool:
    return bool(one["address"] == f"worker.{name}" or one["address"].startswith(f"worker.{name}["))


def test_invariant_8_invariant_18_a_fleets_life_at_random() -> None:
    run_state_machine_as_test(
        FleetLife,
        settings=settings(
            max_examples=1500 if SOAK else 60,
            stateful_step_count=30 if SOAK else 20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
