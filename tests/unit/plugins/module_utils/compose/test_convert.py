# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose files as data: what comes of each fragment, and what is told. No key vanishes in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.plugins.module_utils.compose import reasons
from ansible_collections.hodei.workers.plugins.module_utils.compose.convert import Converted, convert
from ansible_collections.hodei.workers.plugins.module_utils.compose.worker import KNOWN
from ansible_collections.hodei.workers.plugins.module_utils.compose.written import inventory
from ansible_collections.hodei.workers.plugins.module_utils.engine.carried import not_carried
from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.fields import COLUMN, DOCKER_CONFIG

HERE = Path(__file__).parent
BASE = {"image": "x", "network": {"name": "default"}, "restart": "never"}
ENVIRON = {"SET": "here"}
FRAGMENTS: list[dict[str, Any]] = yaml.safe_load((HERE / "fragments.yml").read_text())
WHOLE: list[dict[str, Any]] = yaml.safe_load((HERE / "projects.yml").read_text())
BROKEN: list[dict[str, Any]] = yaml.safe_load((HERE / "broken.yml").read_text())

#: Every key that a service may have: https://docs.docker.com/reference/compose-file/services/.
SERVICE_KEYS = """
annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name cpu_count cpu_percent
cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on deploy develop
device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file environment expose extends external_links
extra_hosts gpus group_add healthcheck hostname image init ipc isolation label_file labels links logging mac_address mem_limit
mem_reservation mem_swappiness memswap_limit models network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform
ports post_start pre_stop privileged profiles provider pull_policy pull_refresh_after read_only restart runtime scale secrets
security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user
userns_mode uts volumes volumes_from working_dir
"""


def run(
    files: Mapping[str, Any], named: tuple[str, ...] = ("compose.yaml",), profiles: tuple[str, ...] = ()
) -> Converted:
    """Convert files that lie in /work: text as it stands, data as YAML."""

    def read(path: str) -> bytes:
        name = path.removeprefix("/work/")
        if name not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        content = files[name]
        return (content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)).encode()

    return convert([f"/work/{name}" for name in named], read, ENVIRON, profiles)


def project(fragment: Mapping[str, Any]) -> dict[str, Any]:
    """The files of a fragment."""
    service = {"image": "x", **fragment["service"]}
    if service["image"] is None:
        del service["image"]
    compose = {"name": "shop", **fragment.get("top", {}), "services": {"web": service}}
    return {"compose.yaml": compose, **fragment.get("files", {})}


def problems(converted: Converted) -> list[Any]:
    """What is wrong with what came of it, as a converge would see it."""
    raw = RawDocument(
        converted.owner,
        "11111111-1111-4111-8111-111111111111",
        [Fragment(converted.workers)],
        converted.providers,
        stores={"local": {"type": "local"}},
    )
    document = parse(raw, key=b"k" * 32, provider_schemas={"docker": DOCKER_CONFIG}, store_schemas={"local": {}})
    refused = not_carried(document.instances, {"docker": COLUMN})[0]
    return [one for one in refused if "not in this version" not in one.message]


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda one: str(one["service"])[:60])
def test_fragment(fragment: dict[str, Any]) -> None:
    """Carried as expected, the rest told, and the result is a document that Docker can carry."""
    converted = run(project(fragment))
    wanted = {**BASE, **fragment["worker"]}
    assert converted.workers["web"] == {key: value for key, value in wanted.items() if value is not None}
    assert converted.providers == fragment.get("providers", {"docker": {"type": "docker"}})
    told = [str(one) for one in converted.findings]
    expected = fragment.get("tells", [])
    assert len(told) == len(expected), told
    for words in expected:
        assert any(words in one for one in told), (words, told)
    assert all(one.where.startswith("compose.yaml:") and one.message and one.hint for one in converted.findings), told
    assert not problems(converted)


@pytest.mark.parametrize("whole", WHOLE, ids=lambda one: one["what"])
def test_project(whole: dict[str, Any]) -> None:
    """Several files, services and profiles: the workers, as far as they are written, and what is told."""
    converted = run(whole["files"], tuple(whole.get("named", ["compose.yaml"])), tuple(whole.get("profiles", ())))
    found = {
        name: {key: value for key, value in worker.items() if BASE.get(key) != value}
        for name, worker in converted.workers.items()
    }
    assert found == whole["workers"]
    assert converted.owner == whole.get("owner", "work")
    told = [str(one) for one in converted.findings]
    assert len(told) == len(whole.get("tells", [])), told
    for words in whole.get("tells", []):
        assert any(words in one for one in told), (words, told)
    assert not problems(converted)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: str(one["says"][0])[:60])
def test_broken(broken: dict[str, Any]) -> None:
    """Every problem is told at once, each with file and line, and with the cure."""
    files = {"compose.yaml": broken["file"], **broken.get("files", {})}
    with pytest.raises(InvalidDocument) as caught:
        run(files, tuple(broken.get("named", ["compose.yaml"])))
    told = [str(one) for one in caught.value.problems]
    for words in broken["says"]:
        assert any(words in one for one in told), (words, told)
    assert len(told) == len(broken["says"]), told
    assert all(problem.hint for problem in caught.value.problems)


def test_every_key_of_a_service_is_known() -> None:
    """Each is carried or has a reason, and none has both."""
    carried = set(KNOWN.split()) | {"cap_drop", "cap_add", "provider", "extends"}
    assert carried | reasons.SERVICE.keys() == set(SERVICE_KEYS.split())
    assert not carried & reasons.SERVICE.keys()


#: Keys whose absence means the same: what they say is so anyway.
SAME = {
    "services.web.deploy.mode", "services.web.entrypoint", "services.web.healthcheck.start_period", "services.web.oom_kill_disable",
    "services.web.pids_limit", "services.web.privileged", "services.web.profiles", "services.web.restart", "services.web.stop_signal",
    "services.web.tty", "services.web.x-mine", "services.web.memswap_limit", "services.web.cpu_period",
    "services.web.volumes[5].consistency",
    "services.web.network_mode", "name", "volumes.ext.external", "services.web.ports[0].protocol", "services.web.logging.driver",
    "services.web.gpus[0].driver", "services.web.deploy.resources.reservations.devices[0].count", "services.web.expose[0]",
    "services.web.env_file[0]", "services.web.deploy.restart_policy.condition", "networks.back.driver", "networks.in.internal",
}  # fmt: skip


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Every key of nested mappings and lists, as people write it and as steps to it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        written = f"{path}[{key}]" if isinstance(value, list) else f"{path}.{key}" if path else str(key)
        yield written, (key,)
        for below, steps in leaves(inner, written):
            yield below, (key, *steps)


def without(value: Any, steps: tuple[Any, ...]) -> Any:
    """The same without one key."""
    copy = deepcopy(value)
    place = copy
    for step in steps[:-1]:
        place = place[step]
    del place[steps[-1]]
    return copy


def outcome(files: Mapping[str, Any]) -> Any:
    """What came of it, lines aside."""
    try:
        converted = run(files)
    except InvalidDocument as error:
        return str(error)
    return converted.workers, converted.providers, [one._replace(where="") for one in converted.findings]


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda one: str(one["service"])[:60])
def test_no_key_vanishes_in_silence(fragment: dict[str, Any]) -> None:
    """Take away any key, and the document, or what is told, is another one."""
    files = project(fragment)
    compose, whole = files["compose.yaml"], outcome(files)
    told = tuple(f"{one.field}{sign}" for one in run(files).findings for sign in ".[" if one.kind == "left out")
    for path, steps in leaves(compose):
        if path not in SAME and not path.startswith(told):
            assert outcome({**files, "compose.yaml": without(compose, steps)}) != whole, path


ODD: tuple[Any, ...] = (
    None,
    "",
    "a b",
    5,
    True,
    1.5,
    [],
    {},
    [[]],
    [{}],
    [None],
    {"a": {}},
    {"a": None},
    ["a", "a"],
    "-1",
    "${",
    ":",
)


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda one: str(one["service"])[:60])
def test_whatever_stands_there_is_no_bug_of_ours(fragment: dict[str, Any]) -> None:
    """Put something odd in each place: it is carried, told, or refused in words."""
    files = project(fragment)
    compose = files["compose.yaml"]
    for number, (_unused, steps) in enumerate(leaves(compose)):
        for odd in ODD[number % 3 :: 3]:
            other = deepcopy(compose)
            place = other
            for step in steps[:-1]:
                place = place[step]
            place[steps[-1]] = odd
            outcome({**files, "compose.yaml": other})


def test_an_inventory_says_the_same() -> None:
    """Read as Ansible reads it, with what looks like a template marked."""

    class Loader(yaml.SafeLoader):
        """Knows the tag of Ansible."""

    Loader.add_constructor("!unsafe", lambda loader, node: f"unsafe {node.value}")
    service = {
        "image": "x",
        "environment": {"A": "{{ b }}", "B": "two\nlines", "C": "yes"},
        "tty": True,
        "command": ["sleep", "1" * 200],
    }
    converted = run({"compose.yaml": {"services": {"web": service}}})
    text = inventory(converted)
    held = yaml.load(text, Loader)["all"]
    assert held["vars"]["hodei_owner"] == "work"
    assert held["vars"]["hodei_providers"] == converted.providers
    env = held["vars"]["hodei_workers"]["web"].pop("env")
    assert env == {"A": "unsafe {{ b }}", "B": "two\nlines", "C": "yes"}
    converted.workers["web"].pop("env")
    assert held["vars"]["hodei_workers"] == converted.workers
    assert "# - left out: compose.yaml:10: services.web.tty: a worker has no terminal" in text
