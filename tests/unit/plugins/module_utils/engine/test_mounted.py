# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that workers are given, on real embedded stores and a model cloud."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import read_lines
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_info import audit_directory
from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Carry, OnChange, Support
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.mounts import secrets_of
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.tests.support.fleets import actions, errors
from ansible_collections.hodei.workers.tests.support.model_cloud import COLUMN, ModelProvider
from ansible_collections.hodei.workers.tests.support.places import quick_directory
from ansible_collections.hodei.workers.tests.support.secret_fleets import SecretFleet

WORKERS = """
- name: web
  count: 2
  secrets:
    - {secret: db/password, env: DB_PASSWORD}
    - {secret: tls, field: key, file: tls.key}
    - {secret: tls, volume: tls}
"""
SECRETS = "[{name: db/password, value: one}, {name: tls, fields: {key: k1, cert: c1}}]"


@pytest.fixture
def fleet() -> Iterator[SecretFleet]:
    with quick_directory() as directory:
        yield SecretFleet(directory)


def converge(fleet: SecretFleet, secrets: str = SECRETS, workers: str = WORKERS) -> dict[str, str]:
    """Converge, and return what the plan said."""
    report = fleet.converge(fleet.document(secrets, workers=workers))
    assert errors(report) == []
    assert actions(fleet.preview(fleet.document(secrets, workers=workers))) == {}
    return actions(report)


def test_they_come_after_their_secrets_and_get_them(fleet: SecretFleet) -> None:
    converge(fleet)
    for index in (0, 1):
        given = fleet.worker(f"worker.web[{index}]")["given"]
        assert given == {
            "env.DB_PASSWORD": {"": "one"},
            "file.tls.key": {"": "k1"},
            "volume.tls": {"key": "k1", "cert": "c1"},
        }
    assert fleet.cloud.log()[0]["verb"] == "create"


def test_a_new_version_goes_where_it_is_used(fleet: SecretFleet) -> None:
    """Files and volumes while the worker runs; an environment takes a restart."""
    converge(fleet)
    done = converge(fleet, SECRETS.replace("k1", "k2"))
    assert done == {"secret.tls": "update", "worker.web[0]": "update", "worker.web[1]": "update"}
    assert fleet.worker("worker.web[0]")["given"]["file.tls.key"] == {"": "k2"}
    done = converge(fleet, SECRETS.replace("k1", "k2").replace("one", "two"))
    assert done["worker.web[1]"] == "update+restart"
    assert fleet.worker("worker.web[1]")["began_with"]["env.DB_PASSWORD"] == {"": "two"}


@pytest.mark.parametrize(
    ("value", "how", "then"), [("one", "as it was", ""), ("two", "as the document says now", "update+restart")]
)
def test_a_deleted_secret_comes_back(fleet: SecretFleet, value: str, how: str, then: str) -> None:
    """As it was, and no worker begins again for it; or with another value, which is told."""
    converge(fleet)
    fleet.store().delete(SecretName("db/password"))
    secrets = SECRETS.replace("one", value)
    report = fleet.preview(fleet.document(secrets, workers=WORKERS))
    (made,) = (change for change in report.plan.pending if str(change.address) == "secret.db/password")
    assert made.reason == f"it was deleted, and comes back {how}"
    workers = dict.fromkeys(("worker.web[0]", "worker.web[1]"), then) if then else {}
    assert converge(fleet, secrets) == {"secret.db/password": "create"} | workers
    assert fleet.worker("worker.web[1]")["began_with"]["env.DB_PASSWORD"] == {"": value}


def test_a_deleted_copy_comes_back_while_its_source_changes(fleet: SecretFleet) -> None:
    """Not as it was."""
    secrets = "[{name: a, value: one}, {name: b, from: {secret: a}}]"
    converge(fleet, secrets, "[]")
    fleet.store().delete(SecretName("b"))
    report = fleet.preview(fleet.document(secrets.replace("one", "two"), workers="[]"))
    (made,) = (change for change in report.plan.pending if str(change.address) == "secret.b")
    assert made.reason == "it was deleted, and comes back; what it is copied from gets another value"
    assert converge(fleet, secrets.replace("one", "two"), "[]") == {"secret.a": "update", "secret.b": "create"}
    assert fleet.store().get(SecretName("b")).value == SecretValue(b"two")


@pytest.mark.parametrize("knows", [True, False], ids=["state", "lost state"])
def test_somebody_else_wrote_it(fleet: SecretFleet, knows: bool) -> None:
    """A secret that the document does not have, and one whose value comes from elsewhere."""
    fleet.store().put(SecretName("theirs"), SecretValue(b"one"))
    workers = "[{name: web, secrets: [{secret: theirs, file: f}]}]"
    converge(fleet, "[]", workers)
    fleet.store().put(SecretName("theirs"), SecretValue(b"two"))
    if not knows:
        fleet.lose_state()
    assert converge(fleet, "[]", workers) == {"worker.web": "update"}
    assert fleet.worker("worker.web")["given"] == {"file.f": {"": "two"}}


def test_a_certain_version_stays(fleet: SecretFleet) -> None:
    workers = "[{name: web, secrets: [{secret: a, version: 1, file: f}]}]"
    converge(fleet, "[{name: a, value: one}]", workers)
    assert converge(fleet, "[{name: a, value: two}]", workers) == {"secret.a": "update"}
    assert fleet.worker("worker.web")["given"] == {"file.f": {"": "one"}}


def test_one_that_is_not_there_holds_back_who_needs_it(fleet: SecretFleet) -> None:
    """And nobody else; it is told with its name."""
    document = fleet.document("[]", workers="[{name: web, secrets: [{secret: a, file: f}]}, {name: other}]")
    report = fleet.converge(document)
    assert dict(report.plan.blocked) == {"worker.web": "secret a is not in store 'local'"}
    assert actions(report) == {"worker.other": "create"}


def test_one_without_the_field_fails_who_needs_it(fleet: SecretFleet) -> None:
    document = fleet.document(
        "[{name: a, value: x}]", workers="[{name: web, secrets: [{secret: a, field: b, file: f}]}]"
    )
    (said,) = errors(fleet.converge(document))
    assert "secrets.file.f" in said
    assert "secret a has no fields" in said


def test_mounts_that_come_and_go(fleet: SecretFleet) -> None:
    converge(fleet)
    less = WORKERS.replace("    - {secret: tls, volume: tls}\n", "")
    assert converge(fleet, workers=less)["worker.web[0]"] == "update"
    assert set(fleet.worker("worker.web[0]")["given"]) == {"env.DB_PASSWORD", "file.tls.key"}


def test_no_value_is_written_down(fleet: SecretFleet) -> None:
    """Neither in state, nor in what a plan shows."""
    canary = "canary-4711-yellow"
    document = fleet.document(SECRETS.replace("one", canary), workers=WORKERS)
    report = fleet.converge(document)
    assert canary not in repr((report, document))
    for file in fleet.place.rglob("*"):
        if file.is_file() and file.name != "cloud.json":
            assert canary.encode() not in file.read_bytes(), file


FILES = """
- name: web
  files:
    - {path: plain.txt, content: nothing secret}
    - {path: app.toml, mode: "0400", content: "user=@@hodei.secret:db?field=user@@ password=@@hodei.secret:db?field=password@@"}
"""
LOGIN = "[{name: db, fields: {user: u1, password: p1}}]"


def test_a_file_that_names_secrets(fleet: SecretFleet) -> None:
    """It is written when one of them has another version, or its text changes; the word is in no spec that a provider gets."""
    assert converge(fleet, LOGIN, FILES) == {"secret.db": "create", "worker.web": "create"}
    worker = fleet.worker("worker.web")
    assert worker["given"] == {"home.app.toml": {"": "user=u1 password=p1"}}
    assert [file["path"] for file in worker["spec"]["files"]] == ["plain.txt"]
    done = converge(fleet, LOGIN.replace("p1", "p2"), FILES)
    assert done == {"secret.db": "update", "worker.web": "update+restart"}
    assert fleet.worker("worker.web")["given"]["home.app.toml"] == {"": "user=u1 password=p2"}
    other = FILES.replace("password=", "secret=")
    assert converge(fleet, LOGIN.replace("p1", "p2"), other) == {"worker.web": "update+restart"}
    assert fleet.worker("worker.web")["given"]["home.app.toml"] == {"": "user=u1 secret=p2"}
    reloading = other.replace("name: web", "name: web\n  reload: {signal: SIGHUP}")
    converge(fleet, LOGIN.replace("p1", "p2"), reloading)
    assert converge(fleet, LOGIN.replace("p1", "p3"), reloading)["worker.web"] == "update"


def test_a_secret_that_is_used_is_not_deleted(fleet: SecretFleet) -> None:
    """Nobody could make that worker again."""
    converge(fleet, LOGIN, FILES)
    with pytest.raises(InvalidDocument, match=r"worker\.web is given it"):
        fleet.converge(fleet.document("[]", workers=FILES))


def test_each_instance_is_a_use(fleet: SecretFleet) -> None:
    """The record says which worker got which version."""
    converge(fleet)
    told = [json.loads(line)["record"] for line in read_lines(audit_directory(fleet.place))]
    uses = [one for one in told if one["what"] == "use" and one["secret"] == "db/password"]
    assert [one["worker"] for one in uses] == ["worker.web[0]", "worker.web[1]"]
    assert {one["version"] for one in uses} == {1}


def test_an_environment_that_cannot_change_is_made_anew(fleet: SecretFleet) -> None:
    """Where the provider says so in its column."""
    fleet.column = {**COLUMN, "secrets": Carry(Support.NATIVE, OnChange.REPLACE)}
    converge(fleet)
    assert converge(fleet, SECRETS.replace("k1", "k2"))["worker.web[0]"] == "update", "files are put in their places"
    assert converge(fleet, SECRETS.replace("one", "two"))["worker.web[0]"] == "replace"


def rolling(fleet: SecretFleet, most: str) -> dict[str, tuple[str, ...]]:
    """Plan another password for four instances, and return who waits for whom."""
    workers = f"[{{name: web, count: 4, secrets: [{{secret: a, env: A}}], lifecycle: {{max_unavailable: {most}}}}}]"
    converge(fleet, "[{name: a, value: one}]", workers)
    report = fleet.preview(fleet.document("[{name: a, value: two}]", workers=workers))
    waits = {str(one.address): tuple(map(str, one.after)) for one in report.plan.changes}
    return {key: tuple(one for one in value if one != "secret.a") for key, value in waits.items() if key != "secret.a"}


def test_no_more_are_away_than_may_be(fleet: SecretFleet) -> None:
    assert rolling(fleet, "50%") == {
        "worker.web[0]": (),
        "worker.web[1]": (),
        "worker.web[2]": ("worker.web[0]",),
        "worker.web[3]": ("worker.web[1]",),
    }
    assert rolling(fleet, "1")["worker.web[3]"] == ("worker.web[2]",)
    assert rolling(fleet, "10%") == rolling(fleet, "1")


def test_what_does_not_come_back_ends_the_roll_out(fleet: SecretFleet) -> None:
    """The rest go on with what they have."""
    rolling(fleet, "1")
    workers = "[{name: web, count: 4, secrets: [{secret: a, env: A}], lifecycle: {max_unavailable: 1}}]"
    fleet.cloud.fail("restart", "refuse", "worker.web[1]")
    report = fleet.converge(fleet.document("[{name: a, value: two}]", workers=workers))
    assert {str(one.change.address): one.status for one in report.results if one.change.address.kind != "secret"} == {
        "worker.web[0]": "done",
        "worker.web[1]": "failed",
        "worker.web[2]": "skipped",
        "worker.web[3]": "skipped",
    }
    assert fleet.worker("worker.web[2]")["began_with"]["env.A"] == {"": "one"}


def test_a_copy_that_follows_is_given_at_once(fleet: SecretFleet) -> None:
    """Its source, the copy and the worker that has it change in one plan."""
    workers = "[{name: web, secrets: [{secret: b, file: f}]}]"
    secrets = "[{name: a, value: one}, {name: b, from: {secret: a}}]"
    converge(fleet, secrets, workers)
    done = converge(fleet, secrets.replace("one", "two"), workers)
    assert done == {"secret.a": "update", "secret.b": "update", "worker.web": "update"}
    assert fleet.worker("worker.web")["given"]["file.f"] == {"": "two"}


def test_who_is_given_a_secret_is_known(fleet: SecretFleet) -> None:
    """From state alone, also of those that only a file names."""
    converge(fleet, LOGIN, FILES)
    (worker,) = [one for one in fleet.state.read().resources if one.address.kind != "secret"]
    assert secrets_of(worker.spec) == {"db"}
    converge(fleet, LOGIN, "[{name: web, secrets: [{secret: db, volume: v}]}]")
    (worker,) = [one for one in fleet.state.read().resources if one.address.kind != "secret"]
    assert secrets_of(worker.spec) == {"db"}


def test_a_run_that_leaves_workers_alone_deletes_none_of_their_secrets(fleet: SecretFleet) -> None:
    """As the playbook secrets does: the workers are excluded, and what they are given is theirs."""
    converge(fleet)
    left = fleet.document("[{name: db/password, value: one}]", workers=WORKERS)
    with pytest.raises(InvalidDocument, match=r"it would be deleted, but worker\.web\[0\] is given it"):
        fleet.converge(left, excludes=("worker.*",))
    assert fleet.value("tls")


@pytest.mark.parametrize("excludes", [(), ("worker.*",)])
def test_a_provider_without_workers_in_a_run_warns_of_nothing(
    fleet: SecretFleet, monkeypatch: pytest.MonkeyPatch, excludes: tuple[str, ...]
) -> None:
    found = ModelProvider(fleet.cloud, column=fleet.column).fingerprint()
    monkeypatch.setattr(ModelProvider, "fingerprint", lambda _provider: replace(found, warnings=("it ends soon",)))
    alone = fleet.preview(fleet.document(SECRETS, workers="[]"), excludes=excludes)
    assert alone.plan.warnings == ()
    both = fleet.preview(fleet.document(SECRETS, workers=WORKERS), excludes=excludes)
    assert bool(both.plan.warnings) == (not excludes)
