# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From raw documents to Documents: fragments, providers, instances, digests, dependencies."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.configs import read_backend
from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document, Drain, Lifecycle
from ansible_collections.hodei.workers.plugins.module_utils.stores.registry import store_schemas

LINEAGE = "0C6F1F0E-5f0e-4d53-9a0e-3d8f5f2a7c11"
SCHEMAS: dict[str, dict[str, Any]] = {
    "process": {"properties": {"directory": {"type": "string", "format": "text"}}},
    "docker": {
        "properties": {
            "url": {"type": "string", "format": "url"},
            "password": {"type": "string", "format": "text", "x-sensitive": True},
        }
    },
}


def document(*workers: Any, key: bytes = b"key", **head: Any) -> Document:
    fragments = head.pop("fragments", [Fragment(list(workers))])
    raw = RawDocument(head.pop("owner", "ci"), head.pop("lineage", LINEAGE), fragments, **head)
    return parse(raw, key=key, provider_schemas=SCHEMAS, store_schemas=store_schemas())


def refused(*workers: Any, **head: Any) -> list[str]:
    with pytest.raises(InvalidDocument) as caught:
        document(*workers, **head)
    return [str(problem) for problem in caught.value.problems]


def worker(name: str = "a", **fields: Any) -> dict[str, Any]:
    return {"name": name, "program": "serve", **fields}


# ---- what an instance is ----------------------------------------------------------------------------------------


def test_a_worker_without_count_is_one_instance_without_key() -> None:
    [one] = document(worker(command=["-x"])).instances
    assert one.address == Address("worker", "a")
    assert one.provider == "local"
    assert one.spec == one.recorded == {"program": "serve", "command": ["-x"]}
    assert one.source == "workers"


def test_a_worker_with_count_is_so_many_instances() -> None:
    instances = document(worker(count=3)).instances
    assert [str(one.address) for one in instances] == ["worker.a[0]", "worker.a[1]", "worker.a[2]"]
    assert len({one.digest for one in instances}) == 1
    assert document(worker(count=0)).instances == ()


def test_what_a_worker_without_instances_is_made_of_is_known() -> None:
    found = document(worker("a", count="0", volumes=[{"name": "data", "path": "/d", "type": "named"}]), worker("b"))
    assert [one["volumes"] for one in found.resting] == [[{"name": "data", "path": "/d", "type": "named"}]]


def test_what_only_the_engine_reads_is_no_part_of_the_spec_and_changes_no_digest() -> None:
    plain = document(worker()).instances[0]
    rich = document(
        worker(
            state="stopped",
            degrade=["resources.memory"],
            provider="local",
            lifecycle={
                "grace": "30s",
                "ttl": "8h",
                "ignore_changes": ["env"],
                "replace": "create_before_destroy",
                "drain": {"signal": "SIGQUIT", "busy": {"command": ["busy"]}, "timeout": "1h", "interval": "2s"},
            },
        )
    ).instances[0]
    assert rich.spec == plain.spec
    assert rich.digest == plain.digest
    assert rich.state == "stopped"
    assert rich.degrade == ("resources.memory",)
    drain = Drain(tell={"signal": "SIGQUIT"}, busy={"command": ["busy"]}, timeout=3600.0)
    assert rich.lifecycle == Lifecycle(30.0, 28_800.0, False, ("env",), "create_before_destroy", drain)
    assert drain.written() == {"signal": "SIGQUIT", "busy": {"command": ["busy"]}, "timeout": 3600.0}
    assert Drain.read(drain.written()) == drain


def test_values_of_env_are_recorded_as_keyed_digests_unless_they_are_visible() -> None:
    one = document(worker(env={"PASSWORD": "secret", "LEVEL": "info", "N": 3}, env_visible=["LEVEL"])).instances[0]
    assert one.spec["env"] == {"PASSWORD": "secret", "LEVEL": "info", "N": "3"}
    assert one.recorded["env"]["LEVEL"] == "info"
    assert one.recorded["env"]["PASSWORD"].startswith("hmac:")
    assert len(one.recorded["env"]["PASSWORD"]) == len("hmac:") + 12
    assert "secret" not in json.dumps(dict(one.recorded))


def test_the_same_value_under_another_name_or_key_has_another_digest() -> None:
    env = document(worker(env={"A": "x", "B": "x"})).instances[0].recorded["env"]
    other = document(worker(env={"A": "x"}), key=b"other").instances[0].recorded["env"]
    assert len({env["A"], env["B"], other["A"]}) == 3


def test_equal_quantities_written_differently_have_equal_digests() -> None:
    one = document(worker(resources={"cpu": 0.5, "memory": "1Gi"})).instances[0]
    other = document(worker(resources={"memory": "1024Mi", "cpu": "500m"}, restart="on_failure")).instances[0]
    assert one.digest == other.digest


def test_a_change_of_the_spec_or_of_the_key_changes_the_digest() -> None:
    digests = {
        document(worker()).instances[0].digest,
        document(worker(), key=b"other").instances[0].digest,
        document(worker(env={"A": "1"})).instances[0].digest,
        document(worker(env={"A": "2"})).instances[0].digest,
    }
    assert len(digests) == 4


# ---- per-instance variables -------------------------------------------------------------------------------------


def test_instances_override_by_merging_mappings_and_named_entries() -> None:
    base = worker(
        count=3,
        env={"A": "1", "B": "2"},
        ports=[{"name": "http", "container": 80}, {"name": "admin"}],
        resources={"memory": "1Gi", "cpu": 1},
        instances={
            1: {"env": {"B": "3", "C": 4}, "ports": [{"name": "http", "host": 8080}], "resources": {"cpu": "2"}}
        },
    )
    zero, one, two = document(base).instances
    assert zero.spec is two.spec
    assert one.spec["env"] == {"A": "1", "B": "3", "C": "4"}
    assert one.spec["ports"] == [{"name": "admin"}, {"name": "http", "container": 80, "host": 8080}]
    assert one.spec["resources"] == {"memory": 1 << 30, "cpu": 2000}
    assert one.digest != zero.digest == two.digest


def test_an_override_can_go_back_to_a_default_and_replace_a_list() -> None:
    base = worker(
        count=2,
        command=["-a"],
        user="app",
        resources={"gpu": 1},
        state="stopped",
        instances=[{"command": [], "resources": {"gpu": 0}, "state": "started"}],
    )
    zero, one = document(base).instances
    assert zero.spec == {"program": "serve", "user": "app"}
    assert (zero.state, one.state) == ("started", "stopped")
    assert one.spec["resources"] == {"gpu": 1}


def test_the_rules_hold_for_each_instance() -> None:
    base = worker(count=1, ports=[{"name": "a", "host": 80}], instances=[{"ports": [{"name": "b", "host": 80}]}])
    assert refused(base) == [
        "workers[0].instances[0].ports: the host port '80/tcp' is there twice; give each its own host port"
    ]


# ---- fragments --------------------------------------------------------------------------------------------------


def test_fragments_are_merged_and_each_instance_knows_its_own() -> None:
    found = document(
        fragments=[
            Fragment([worker("a")], "hodei_workers"),
            Fragment({"b": {"program": "x"}}, "hodei_workers__b"),
            Fragment([worker("c")], "workers", "ci.yml"),
        ]
    )
    assert [one.source for one in found.instances] == ["hodei_workers", "hodei_workers__b", "ci.yml"]
    assert found.sources == ("hodei_workers", "hodei_workers__b", "ci.yml")


def test_the_same_name_twice_names_both_places() -> None:
    fragments = [Fragment([worker("a")], "hodei_workers"), Fragment({"a": {"program": "x"}}, "workers", "ci.yml")]
    assert refused(fragments=fragments) == [
        "ci.yml: workers.a: there is another worker 'a' at hodei_workers[0]; rename one of them"
    ]


def test_a_single_worker_has_paths_without_a_list() -> None:
    assert refused(fragments=[Fragment([{**worker(), "memory": 1}], "")]) == [
        "unknown field 'memory'; it belongs under 'resources'"
    ]


def test_one_letter_too_few_is_the_field_beside_it_not_one_elsewhere() -> None:
    """``port`` is a field of three checks, and whoever writes it beside ``command`` means ``ports``."""
    assert refused(fragments=[Fragment([{**worker(), "port": []}], "")]) == [
        "unknown field 'port'; did you mean ports?"
    ]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (None, "x: expected a list of workers or a mapping by name, got nothing (null); write [] for no workers"),
        ("a", "x: expected a list of workers or a mapping by name, got text; write - before each worker"),
        ({"a": None}, "x.a: expected a mapping, got nothing (null); write a value after the colon, or remove the line"),
        ({"a": {"name": "b"}}, "x.a: the key and the field 'name' differ; remove name, or make it equal to the key"),
        (
            {True: {}},
            (
                "x[true]: the name of this worker is not text; YAML reads the words yes, no, on and off as true and false, "
                "keys too; put the key in quotes"
            ),
        ),
    ],
)
def test_what_is_no_list_of_workers_is_told(entries: Any, said: str) -> None:
    assert refused(fragments=[Fragment(entries, "x")]) == [said]


def test_text_from_templates_counts_as_the_number_or_truth_value_that_it_says() -> None:
    [one] = document(
        worker(count="1", health={"tcp": {"port": "80"}, "failures": "5"}, security={"non_root": "True"})
    ).instances
    assert one.spec["health"]["failures"] == 5
    assert one.spec["security"] == {"non_root": True}


# ---- head and providers -----------------------------------------------------------------------------------------


def test_a_missing_owner_and_lineage_are_told_with_their_cure() -> None:
    owner, lineage = refused(owner=None, lineage="")
    assert "hodei_owner" in owner
    assert "hodei.workers.init" in lineage


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            {"owner": "My Team"},
            "owner: 'My Team' is not a name (lower case letters, digits, - and _; at most 63); did you mean my-team?",
        ),
        (
            {"owner": 7},
            'owner: expected a name (lower case letters, digits, - and _; at most 63), got 7 (a whole number); put it in quotes: "7"',
        ),
        ({"lineage": "abc"}, "lineage: 'abc' is not a UUID (`hodei.workers.init` prints one)"),
        (
            {"backend": {"type": "postgresql"}},
            "backend.type: 'postgresql' is not in this version; PostgreSQL comes in a later version",
        ),
        (
            {"stores": {"vault": {"type": "vault"}}},
            "stores.vault.type: 'vault' is not a type of store; write one of local",
        ),
        ({"providers": ["a"]}, "providers: expected a mapping by name, got a list; write NAME: {type: process}"),
        ({"providers": {"a": 3}}, "providers.a: expected a mapping by name, got a whole number; write {type: process}"),
        (
            {"providers": {"A b": {}}},
            "providers: 'A b' is not a name (lower case letters, digits, - and _; at most 63); did you mean a-b?",
        ),
        (
            {"providers": {"a": {"typo": 1}}},
            "providers.a: the type of a provider with typo is not known; write type: docker or process",
        ),
        (
            {"providers": {"a": {"type": "process", "directoy": "x"}}},
            "providers.a: unknown field 'directoy'; did you mean directory?",
        ),
        (
            {"providers": {"a": {"max_parallel": 0}}},
            "providers.a.max_parallel: 0 is out of range; write a number from 1 to 1000",
        ),
    ],
)
def test_what_is_wrong_outside_of_the_workers_is_told(head: dict[str, Any], said: str) -> None:
    assert refused(**head) == [said]


def test_what_is_wrong_in_the_head_of_a_file_names_the_file() -> None:
    assert refused(owner="A", sources={"owner": "ci.yml"})[0].startswith("ci.yml: owner: ")


def test_every_problem_is_told_at_once() -> None:
    found = refused(
        worker(memory=1), worker("b", count="x"), owner="A", backend={"type": "x"}, providers={"p": {"x": 1}}
    )
    assert len(found) == 5


def test_the_backend_alone_can_be_read_before_there_is_a_key() -> None:
    assert read_backend(None) == {"type": "sqlite", "allow_ephemeral": False}
    assert read_backend({"path": "/srv"})["path"] == "/srv"
    with pytest.raises(InvalidDocument, match=r"expected a mapping, got text|got 'sqlite'"):
        read_backend("sqlite")


def test_providers_get_their_type_and_defaults() -> None:
    found = document(worker(), providers={"here": {"directory": "/srv", "timeout": "5s"}}).providers["here"]
    assert found["type"] == "process"
    assert found["timeout"] == 5.0
    assert found["retry"] == {"attempts": 3, "initial": 1.0, "max": 30.0}


def test_no_providers_mean_processes_on_this_machine() -> None:
    assert document(worker()).providers["local"]["type"] == "process"


def test_with_several_providers_each_worker_names_one() -> None:
    two = {"one": None, "two": None}
    assert [one.provider for one in document(worker(provider="two"), providers=two).instances] == ["two"]
    assert refused(worker(), providers=two) == [
        "workers[0]: 'provider' is missing, and there are several; write one of one, two"
    ]
    assert refused(worker(provider="tow"), providers=two) == [
        "workers[0].provider: there is no provider 'tow'; did you mean two?"
    ]


# ---- dependencies -----------------------------------------------------------------------------------------------


def test_dependencies_become_addresses() -> None:
    found = document(
        worker("a", depends_on=["b", "worker.c[1]", "bx"]),
        worker("b", count=2),
        worker("c", count=2),
        worker("bx"),
    )
    assert [str(address) for address in found.instances[0].depends_on] == [
        "worker.b[0]",
        "worker.b[1]",
        "worker.bx",
        "worker.c[1]",
    ]


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        (
            [worker("web", depends_on=["dbb"]), worker("db")],
            ["workers[0].depends_on: there is no worker 'dbb'; did you mean db?"],
        ),
        (
            [worker("web", depends_on=["db[2]"]), worker("db", count=2)],
            ["workers[0].depends_on: there is no instance 'db[2]'; see the count of 'db'"],
        ),
        (
            [worker("a", depends_on=["b"]), worker("b", depends_on=["c"]), worker("c", depends_on=["b"])],
            ["workers[1].depends_on: workers depend on each other in a circle: b -> c -> b; remove one of these"],
        ),
        (
            [worker("a", count=2, depends_on=["a[0]"])],
            ["workers[0].depends_on: workers depend on each other in a circle: a -> a; remove one of these"],
        ),
    ],
)
def test_dependencies_that_lead_nowhere_or_back_are_told(workers: list[dict[str, Any]], said: list[str]) -> None:
    assert refused(*workers) == said


def test_to_depend_on_a_worker_that_is_not_valid_is_no_second_mistake() -> None:
    assert len(refused(worker("a", depends_on=["b"]), worker("b", memory=1))) == 1


def test_a_chain_of_thousands_is_no_problem() -> None:
    chain = [worker(f"w{index}", depends_on=[f"w{index + 1}"]) for index in range(3000)]
    assert len(document(*chain, worker("w3000")).instances) == 3001


# ---- the digest of the document ---------------------------------------------------------------------------------


def test_the_document_digest_changes_with_whatever_a_plan_depends_on() -> None:
    base = worker("a", count=2)
    docker = {"d": {"url": "unix:///x"}}
    variants = [
        document(base),
        document({**base, "count": 3}),
        document({**base, "env": {"A": "b"}}),
        document({**base, "lifecycle": {"ttl": "1h"}}),
        document({**base, "state": "stopped"}),
        document({**base, "instances": {0: {"state": "paused"}}}),
        document(base, owner="other"),
        document(base, providers=docker),
        document(base, providers={"d": {"url": "unix:///y"}}),
        document(base, key=b"other"),
    ]
    assert len({one.digest for one in variants}) == len(variants)


def test_the_document_digest_does_not_change_with_spelling_or_secrets_of_providers() -> None:
    one = document(worker("a", restart="on_failure"), providers={"d": {"url": "unix:///x", "password": "a"}})
    other = document(
        worker("a"), providers={"d": {"type": "docker", "url": "unix:///x", "password": "b"}}, lineage=LINEAGE.lower()
    )
    assert one.digest == other.digest


# ---- what a valid document does not pay for ---------------------------------------------------------------------


def test_a_valid_document_imports_neither_jsonschema_nor_yaml_nor_words() -> None:
    code = f"""
import sys
from {parse.__module__} import RawDocument, parse
from {Fragment.__module__} import Fragment
raw = RawDocument("ci", "{LINEAGE}", [Fragment([{worker(restart="always")!r}])])
assert len(parse(raw, key=b"k", provider_schemas={SCHEMAS!r}).instances) == 1
print(*(name for name in sys.modules if name.split(".")[0] in ("jsonschema", "yaml", "difflib") or name.endswith("model.words")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
