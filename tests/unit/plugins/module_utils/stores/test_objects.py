# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a converge does to secrets, on real embedded stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import read_lines
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_info import audit_directory
from ansible_collections.hodei.workers.plugins.module_utils.engine.plantext import plan_text
from ansible_collections.hodei.workers.plugins.module_utils.model.change import Cause
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Fault, Metadata, Stage, StoreError
from ansible_collections.hodei.workers.tests.support.fleets import actions, errors
from ansible_collections.hodei.workers.tests.support.places import quick_directory
from ansible_collections.hodei.workers.tests.support.secret_fleets import SecretFleet

A = SecretName("a")


@pytest.fixture
def fleet() -> Iterator[SecretFleet]:
    with quick_directory() as directory:
        yield SecretFleet(directory, stores=("local", "other"))


def test_given_generated_and_copied(fleet: SecretFleet) -> None:
    """What is copied comes after what it is copied from, however they are listed."""
    wanted = """
    - {name: copy, from: {secret: a}}
    - {name: part, store: other, from: {secret: pair, store: local, field: user}}
    - {name: pair, fields: {user: app, port: 5432}}
    - {name: made, generate: {type: token}}
    - {name: a, tenant: acme, value_base64: AAEC}
    - {name: a, value: hunter2}
    """
    assert errors(fleet.converge(wanted)) == []
    assert [fleet.value(one) for one in ("a", "copy")] == ["hunter2"] * 2
    assert fleet.value("part", "other") == "app"
    assert fleet.store().get(SecretName("a", "acme")).value == SecretValue(b"\0\1\2")
    assert len(fleet.value("made")) > 20
    again = fleet.converge(wanted)
    assert again.results == ()
    assert not again.changed


@pytest.mark.parametrize(
    ("before", "after", "version", "value"),
    [
        ("value: one", "value: two", 2, "two"),
        ("value: one", "value: one, tags: {team: ci}", 1, "one"),
        ("value: one, expires: 1d", "value: one, expires: 2d", 1, "one"),
        ("value: one", "value: one, lifecycle: {prevent_destroy: true}", 1, "one"),
        ("value: one", "value: one, rules: {min_length: 2}", 1, "one"),
        ("value: one", "value: one, access: [{subject: 'user:a', actions: [read]}]", 1, "one"),
        ("value: one", "generate: {type: token}", 2, None),
        ("generate: {type: token}", "generate: {type: token, bytes: 40}", 1, None),
        ("generate: {type: token}", "generate: {type: token, bytes: 40}, regenerate: on_change", 2, None),
        ("generate: {type: token}", "generate: {type: token}, regenerate: on_change", 1, None),
        ("generate: {type: token}", "value: two", 2, "two"),
        ("value: one", "tags: {team: ci}", 1, "one"),
    ],
)
def test_changed_in_the_document(fleet: SecretFleet, before: str, after: str, version: int, value: str | None) -> None:
    """A new version only where the value is another one; the plan says so beforehand, and there is nothing left to do."""
    assert errors(fleet.converge(f"[{{name: a, {before}}}]")) == []
    was = fleet.value("a")
    planned = fleet.preview(f"[{{name: a, {after}}}]")
    assert errors(fleet.converge(f"[{{name: a, {after}}}]")) == []
    assert fleet.versions("a") == version
    assert (fleet.value("a") == was) == (version == 1)
    assert value is None or fleet.value("a") == value
    assert actions(fleet.preview(f"[{{name: a, {after}}}]")) == {}
    assert bool(actions(planned)) == (after.partition(", rules")[0] != before)


def test_a_change_that_was_let_pass_counts_when_on_change_is_written_later(fleet: SecretFleet) -> None:
    """What is compared is what the present value was made from, not what the document said last."""
    assert errors(fleet.converge("[{name: a, generate: {type: token}}]")) == []
    assert errors(fleet.converge("[{name: a, generate: {type: token, bytes: 40}}]")) == []
    assert fleet.versions("a") == 1
    wanted = "[{name: a, generate: {type: token, bytes: 40}, regenerate: on_change}]"
    assert actions(fleet.preview(wanted)) != {}
    assert errors(fleet.converge(wanted)) == []
    assert (fleet.versions("a"), len(fleet.value("a"))) == (2, 54)
    assert actions(fleet.preview(wanted)) == {}


@pytest.mark.parametrize("knows", [True, False], ids=["state", "lost state"])
def test_changed_in_the_store(fleet: SecretFleet, knows: bool) -> None:
    """A value that somebody else gave is put right; what was generated is as good as what somebody put there."""
    wanted = "[{name: a, value: one}, {name: b, generate: {type: token}}]"
    assert errors(fleet.converge(wanted)) == []
    for name in ("a", "b"):
        fleet.store().put(SecretName(name), SecretValue(b"other"))
    if not knows:
        fleet.lose_state()
    planned = {str(one.address): (one.action.value, one.cause) for one in fleet.preview(wanted).plan.pending}
    assert planned.pop("secret.a") == ("update", Cause.DRIFT)
    assert planned == ({} if knows else {"secret.b": ("adopt", Cause.STATE)})
    assert errors(fleet.converge(wanted)) == []
    assert (fleet.value("a"), fleet.value("b")) == ("one", "other")
    assert fleet.versions("a") == 3
    assert actions(fleet.preview(wanted)) == {}


def test_gone_and_back(fleet: SecretFleet) -> None:
    """What leaves the document is deleted, and comes back as it was when it is there again."""
    both, one = "[{name: a, value: one}, {name: b, generate: {type: token}}]", "[{name: a, value: one}]"
    assert errors(fleet.converge(both)) == []
    made = fleet.value("b")
    assert errors(fleet.converge(one)) == []
    with pytest.raises(StoreError) as caught:
        fleet.value("b")
    assert caught.value.fault is Fault.DELETED
    assert actions(fleet.preview(one)) == {}
    assert errors(fleet.converge(both)) == []
    assert (fleet.value("b"), fleet.versions("b")) == (made, 1)
    assert errors(fleet.converge("[{name: a, value: two}]", state="absent")) == []
    assert errors(fleet.converge("[{name: a, value: two}, {name: b}]")) == []
    assert fleet.value("a") == "two"


def test_the_source_of_a_copy_comes_back(fleet: SecretFleet) -> None:
    """As it was or anew: the plan says whether the copy follows, and no warning says anything else."""
    wanted = "[{name: a, value: one}, {name: copy, from: {secret: a}}]"
    assert errors(fleet.converge(wanted)) == []
    for gone, follows in ((fleet.store().delete, {}), (fleet.store().destroy, {"secret.copy": "update"})):
        gone(A)
        planned = fleet.preview(wanted)
        assert actions(planned) == {"secret.a": "create"} | follows
        assert planned.survey.warnings == []
        assert errors(fleet.converge(wanted)) == []
        assert fleet.value("copy") == "one"


@pytest.mark.parametrize(
    ("on_remove", "state", "fate"),
    [
        ("delete", "absent", "asked to be absent; it can be restored"),
        ("delete", "destroying", "asked to be absent; all its values are gone for good"),
        ("destroy", "absent", "asked to be absent; all its values are gone for good"),
        ("delete", "", "no longer in the document; it can be restored"),
        ("destroy", "", "no longer in the document; all its values are gone for good"),
    ],
)
def test_a_plan_tells_what_comes_back_from_what_does_not(
    fleet: SecretFleet, on_remove: str, state: str, fate: str
) -> None:
    wanted = f"[{{name: a, value: one, lifecycle: {{on_remove: {on_remove}}}}}]"
    assert errors(fleet.converge(wanted)) == []
    asked = {"state": "absent", "destroying": state == "destroying"}
    planned = fleet.preview(wanted, **asked) if state else fleet.preview("[]")
    assert [one.reason for one in planned.plan.pending] == [fate]


@pytest.mark.parametrize("fate", ["destroy", "forget"])
def test_leaves_the_document_otherwise(fleet: SecretFleet, fate: str) -> None:
    assert errors(fleet.converge(f"[{{name: a, value: one, tags: {{x: y}}, lifecycle: {{on_remove: {fate}}}}}]")) == []
    fleet.lose_state()  # its own tags remember
    assert errors(fleet.converge("[]")) == []
    if fate == "forget":
        info = fleet.store().describe(A)
        assert dict(info.metadata.tags) == {"x": "y"}
        assert fleet.value("a") == "one"
    else:
        with pytest.raises(StoreError) as caught:
            fleet.store().describe(A)
        assert caught.value.fault is Fault.NOT_FOUND


def test_destroyed_also_when_it_was_deleted(fleet: SecretFleet) -> None:
    wanted = "[{name: a, value: one}, {name: b, value: one}]"
    assert errors(fleet.converge(wanted)) == []
    assert errors(fleet.converge("[{name: b, value: one}]")) == []
    assert errors(fleet.converge(wanted, state="absent", destroying=True)) == []
    assert fleet.store().list() == []


def test_protected(fleet: SecretFleet) -> None:
    assert errors(fleet.converge("[{name: a, value: one, lifecycle: {prevent_destroy: true}}]")) == []
    fleet.lose_state()
    with pytest.raises(InvalidDocument, match=r"secret\.a"):
        fleet.converge("[]")
    assert fleet.value("a") == "one"


def test_another_store(fleet: SecretFleet) -> None:
    """It is in the new one before it leaves the old one."""
    assert errors(fleet.converge("[{name: a, value: one}]")) == []
    assert errors(fleet.converge("[{name: a, value: one, store: other}]")) == []
    assert fleet.value("a", "other") == "one"
    assert fleet.store().describe(A).deleted_at is not None
    assert actions(fleet.preview("[{name: a, value: one, store: other}]")) == {}


def test_somebody_elses_are_left_alone(fleet: SecretFleet) -> None:
    """Neither changed, nor deleted, nor restored; what says so names no value."""
    store = fleet.store()
    store.put(A, SecretValue(b"theirs"), metadata=Metadata(tags={"hodei.owner": "they"}))
    store.put(SecretName("b"), SecretValue(b"nobodys"))
    store.delete(SecretName("b"))
    said = errors(fleet.converge("[{name: a, value: one}, {name: b, value: one}]"))
    assert "belongs to owner 'they'" in said[0]
    assert "was not made by hodei.workers" in said[1]
    assert errors(fleet.converge("[]", max_deletes=9)) == []
    assert fleet.value("a") == "theirs"
    assert store.describe(SecretName("b")).deleted_at is not None


def test_without_a_value(fleet: SecretFleet) -> None:
    """It has to be there; where somebody put it, its tags are ours to keep."""
    (said,) = errors(fleet.converge("[{name: a, tags: {x: y}}]"))
    assert "nothing says what its value is" in said


@pytest.mark.parametrize(
    ("options", "version"), [({"replace": ("secret.a",)}, 2), ({"replace": ("secret.b",)}, 1), ({}, 1)]
)
def test_asked_for_another_value(fleet: SecretFleet, options: dict[str, Any], version: int) -> None:
    wanted = "[{name: a, generate: {type: token}}]"
    assert errors(fleet.converge(wanted)) == []
    before = fleet.value("a")
    assert errors(fleet.converge(wanted, **options)) == []
    assert (fleet.versions("a"), fleet.value("a") == before) == (version, version == 1)


@pytest.mark.parametrize(
    ("spec", "options", "why"),
    [
        ("generate: {type: token}", {"replace": ("secret.a",)}, "asked to get another value"),
        ("generate: {type: token}, regenerate: always", {}, "it is generated anew each time"),
    ],
)
def test_a_deleted_one_comes_back_with_another_value(
    fleet: SecretFleet, spec: str, options: dict[str, Any], why: str
) -> None:
    """Whoever asks for another value, after a leak perhaps, does not get the old one again; and what is copied from it follows."""
    wanted = f"[{{name: a, {spec}}}, {{name: b, from: {{secret: a}}}}]"
    assert errors(fleet.converge(wanted)) == []
    before = fleet.value("a")
    fleet.store().delete(A)
    report = fleet.converge(wanted, **options)
    assert errors(report) == []
    (made,) = (one for one in report.plan.pending if one.address.name == "a")
    assert made.reason == f"it was deleted, and comes back; {why}"
    assert (fleet.versions("a"), fleet.versions("b")) == (2, 2)
    assert fleet.value("a") != before
    assert fleet.value("b") == fleet.value("a")


def test_generated_anew_each_time(fleet: SecretFleet) -> None:
    wanted = "[{name: a, generate: {type: token}, regenerate: always}]"
    seen = set()
    for number in (1, 2, 3):
        assert errors(fleet.converge(wanted)) == []
        assert fleet.versions("a") == number
        seen.add(fleet.value("a"))
    assert len(seen) == 3


def test_a_lost_answer(fleet: SecretFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call got through, and its answer did not: the value that was generated then is the one that counts."""
    from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
    from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import LocalStore

    put: Any = LocalStore.put
    lost: list[Any] = []

    def losing(self: LocalStore, *args: Any, **more: Any) -> Any:
        done = put(self, *args, **more)
        if not lost:
            lost.append(done)
            raise HodeiError(Kind.NETWORK, "no answer")
        return done

    monkeypatch.setattr(LocalStore, "put", losing)
    wanted = "[{name: a, generate: {type: token}}]"
    assert len(errors(fleet.converge(wanted))) == 1
    was = fleet.value("a")
    assert errors(fleet.converge(wanted)) == []
    assert (fleet.value("a"), fleet.versions("a")) == (was, 1)


def test_emptied(fleet: SecretFleet) -> None:
    """Many that vanish at once are somebody's mistake."""
    assert errors(fleet.converge([{"name": f"s/{number}", "value": "v"} for number in range(9)])) == []
    with pytest.raises(InvalidDocument, match="9 secrets vanished"):
        fleet.converge("[]")
    assert errors(fleet.converge("[]", max_deletes=9)) == []
    assert all(info.deleted_at for info in fleet.store().list())
    assert fleet.store().list()[0].at(Stage.CURRENT)


def test_every_write_is_recorded(fleet: SecretFleet) -> None:
    """Before it is made and when it is done; what cannot be recorded is not done."""
    assert errors(fleet.converge("[{name: a, value: one}]")) == []
    told = [json.loads(line)["record"] for line in read_lines(audit_directory(fleet.place))]
    assert [(one["what"], one["result"], one["secret"]) for one in told if one.get("secret")] == [
        ("write", "begun", "a"),
        ("write", "done", "a"),
    ]
    next(audit_directory(fleet.place).glob("keys/*.key")).unlink()
    (said,) = errors(fleet.converge("[{name: a, value: two}]"))
    assert "audit" in said
    assert fleet.value("a") == "one"


def test_no_value_is_written_down(fleet: SecretFleet) -> None:
    """Neither in state, nor in what a plan shows."""
    canary = "canary-4711-yellow"
    for value in (canary, f"{canary}-2"):
        report = fleet.converge([{"name": "a", "value": value}])
        assert canary not in repr(report)
    for file in Path(fleet.place).rglob("*"):
        assert not file.is_file() or canary.encode() not in file.read_bytes(), file


COPIES = """
- {name: copy of copy, from: {secret: copy}}
- {name: copy, from: {secret: a, store: other}}
- {name: pinned, from: {secret: a, store: other, version: 1}}
""".replace("copy of copy", "second")


def test_a_copy_follows_its_source(fleet: SecretFleet) -> None:
    """By the source's version: what somebody else put there is drift, and is copied once."""
    fleet.store("other").put(A, SecretValue(b"one"))
    assert errors(fleet.converge(COPIES)) == []
    assert actions(fleet.preview(COPIES)) == {}
    fleet.store("other").put(A, SecretValue(b"two"))
    planned = {str(one.address): (one.action.value, one.cause) for one in fleet.preview(COPIES).plan.pending}
    assert planned == {"secret.copy": ("update", Cause.DRIFT), "secret.second": ("update", Cause.DOCUMENT)}
    assert errors(fleet.converge(COPIES)) == []
    assert [fleet.value(one) for one in ("copy", "second", "pinned")] == ["two", "two", "one"]
    assert [fleet.versions(one) for one in ("copy", "second", "pinned")] == [2, 2, 1]
    assert actions(fleet.preview(COPIES)) == {}
    fleet.lose_state()
    assert set(actions(fleet.preview(COPIES)).values()) == {"adopt"}


@pytest.mark.parametrize(
    ("before", "after", "versions"),
    [
        ("value: one", "value: two", (2, 2)),
        ("value: one", "value: one, tags: {x: y}", (1, 1)),
        ("generate: token", "generate: {type: token, bytes: 40}", (1, 1)),
        ("generate: token", "generate: {type: token, bytes: 40}, regenerate: on_change", (2, 2)),
    ],
)
def test_a_copy_follows_in_the_same_run(fleet: SecretFleet, before: str, after: str, versions: tuple[int, int]) -> None:
    """One converge is enough, and says beforehand what it does."""
    wanted = "[{name: copy, from: {secret: a}}, {name: a, %s}]"
    assert errors(fleet.converge(wanted % before)) == []
    planned = actions(fleet.preview(wanted % after))
    assert errors(fleet.converge(wanted % after)) == []
    assert (fleet.versions("a"), fleet.versions("copy")) == versions
    assert fleet.value("a") == fleet.value("copy")
    assert ("secret.copy" in planned) == (versions[1] == 2)
    assert actions(fleet.preview(wanted % after)) == {}


def test_a_copy_whose_source_is_gone(fleet: SecretFleet) -> None:
    """It keeps its value, and somebody is told."""
    fleet.store("other").put(A, SecretValue(b"one"))
    wanted = "[{name: copy, from: {secret: a, store: other}}]"
    assert errors(fleet.converge(wanted)) == []
    for gone in (fleet.store("other").delete, fleet.store("other").destroy):
        gone(A)
        planned = fleet.preview(wanted)
        assert actions(planned) == {}
        assert any("secret.copy stays as it is" in text for text in planned.survey.warnings), planned.survey.warnings
    assert fleet.value("copy") == "one"


DAY = 86_400.0


@pytest.mark.parametrize(
    ("secret", "days"),
    [
        ("value: one", None),
        ("value: one, expires: 5d", 5),
        ("generate: {type: tls, dns: [a]}", 365),
        ("generate: {type: tls, dns: [a], days: 90}", 90),
        ("generate: {type: tls, dns: [a], days: 90}, expires: 80d", 80),
        ("generate: {type: tls, dns: [a], output: csr}", None),
    ],
)
def test_when_a_value_ends(fleet: SecretFleet, secret: str, days: int | None) -> None:
    assert errors(fleet.converge(f"[{{name: a, {secret}}}]")) == []
    info = fleet.store().describe(A)
    (made,) = info.versions
    ends = info.metadata.expires_at
    assert (ends and ends - made.created_at) == (days and pytest.approx(days * DAY))


def test_a_certificate_that_stays_ends_when_it_did(fleet: SecretFleet) -> None:
    """Not when one would end that the document asks for by now."""
    assert errors(fleet.converge("[{name: a, generate: {type: tls, dns: [a], days: 90}}]")) == []
    ends = fleet.store().describe(A).metadata.expires_at
    assert errors(fleet.converge("[{name: a, generate: {type: tls, dns: [a], days: 900}, tags: {x: y}}]")) == []
    assert fleet.versions("a") == 1
    assert fleet.store().describe(A).metadata.expires_at == ends


def test_what_ends_is_told(fleet: SecretFleet) -> None:
    """Past: overdue, by how much. Soon: a warning. Not when it is renewed by the same plan."""
    wanted = "[{name: db/long, value: one, expires: 100d}, {name: a, value: one, tenant: acme, expires: 1d}]"
    assert errors(fleet.converge(wanted)) == []
    (made,) = fleet.store().describe(SecretName("db/long")).versions

    def told(days: float, document: str = wanted, **options: Any) -> tuple[set[str], list[str]]:
        plan = fleet.preview(document, now=int(made.created_at + days * DAY), **options).plan
        plan_text(plan)
        return set(plan.overdue), [text for text in plan.warnings if "expire soon" in text]

    assert told(0.5) == (set(), [])
    assert told(0.95)[1][0].startswith("secrets that expire soon: secret.@acme/a in 72 min;")
    assert told(50) == ({"secret.@acme/a"}, [])
    assert "secret.db/long in 6 days" in told(94)[1][0]
    assert told(101)[0] == {"secret.@acme/a", "secret.db/long"}
    assert told(101, replace=("secret.db/long",))[0] == {"secret.@acme/a"}
    assert told(101, wanted.replace("value: one, expires", "value: two, expires"))[0] == {"secret.@acme/a"}
    assert told(101, wanted.replace("100d", "200d"))[0] == {"secret.@acme/a"}
