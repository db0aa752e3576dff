# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named volumes on a real Engine: what fleet_volumes removes, and all that it leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Volume
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.provider import DockerProvider
from ansible_collections.hodei.workers.tests.support.containers import SLEEP, Containers
from ansible_collections.hodei.workers.tests.support.playbook import OWNER, Result, Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed

pytestmark = pytest.mark.xdist_group("docker")

FREE = ["ci-free-0", "ci-free-1"]


@pytest.fixture
def containers(shared_testbed: Testbed) -> Iterator[Containers]:
    """The Engine; containers and volumes that were not there before are removed."""
    found = Containers(shared_testbed.need("docker"))
    before = _all(found)
    yield found
    found.close()
    for one in found.api.containers(all=True, filters={"label": "test.volumes"}):
        found.api.remove_container(one["Id"], force=True)
    for name in _all(found) - before:
        found.api.remove_volume(name)


@pytest.fixture
def fleet(make_site: Callable[..., Site], containers: Containers) -> Site:
    """A user whose fleet is on that Engine."""
    made: Site = make_site(hodei_providers={"engine": {"type": "docker", "url": containers.url, "pull": "never"}})
    made.environment |= {"DOCKER_CONFIG": str(made.place / "docker")}
    return made


def test_only_our_volumes_that_nobody_uses_go(fleet: Site, containers: Containers) -> None:
    """Not those of others, of another owner, mounted ones, named ones, young ones, those left out by the patterns; no records."""

    def worker(name: str, *volumes: str, **more: Any) -> dict[str, Any]:
        named = [{"name": each, "path": f"/{each}", "type": "named"} for each in volumes]
        return {"name": name, "image": containers.image, **SLEEP, "volumes": named, **more}

    first = [worker("old", *FREE, "ci-mounted", "keep"), worker("app", "ci-data"), worker("seldom", "ci-seldom")]
    now = [worker("app", "ci-data", state="stopped"), worker("seldom", "ci-seldom", count=0)]
    _stopped_stranger(containers, "ci-mounted")  # made by them first: it is theirs
    _stopped_stranger(containers, "ci-borrowed", {"hodei.volume-of": OWNER})
    containers.api.create_volume("ci-foreign")
    containers.api.create_volume("ci-others", labels={"hodei.volume-of": f"{OWNER}-2"})
    stays = {"ci-mounted", "ci-borrowed", "ci-foreign", "ci-others", "ci-data", "ci-seldom", "keep"}
    rules = {"workers": now, "state": "absent", "match": ["ci-*", "hodei-*"], "older_than": "0s"}
    made = fleet.tasks(
        task("fleet_init"),
        task("fleet", workers=first),
        task("fleet", workers=now),
        task("fleet_volumes", workers=now),
        task("fleet_volumes", rules, check=True),
        task("fleet_volumes", {**rules, "match": []}),
        task("fleet_volumes", {**rules, "older_than": "1d"}),
    )
    assert [one["failed"] for one in made] == [False] * 5 + [True, False], made
    listed = {one["name"]: (one["used"], one["wanted"]) for one in made[3]["volumes"]}
    assert listed == {
        **dict.fromkeys([*FREE, "keep"], (False, False)),
        "ci-borrowed": (True, False),
        "ci-data": (True, True),
        "ci-seldom": (False, True),
    }
    assert (_removed(made[4]), made[4]["changed"]) == (FREE, True)
    assert "needs patterns" in made[5]["msg"]
    assert (_removed(made[6]), made[6]["changed"]) == ([], False)
    records = {name for name in _all(containers) if name.startswith("hodei-record-")}
    assert records, "the test needs one"
    assert _all(containers) >= {*stays, *FREE}

    made = fleet.tasks(task("fleet_volumes", rules), task("fleet_volumes", rules))
    assert [(_removed(one), one["changed"], one["kept"]) for one in made] == [(FREE, True, {}), ([], False, {})]
    assert _all(containers) >= stays | records
    assert not _all(containers) & {*FREE}

    with pytest.raises(HodeiError, match="in use") as caught:  # whatever we thought, the Engine decides
        DockerProvider("engine", {"url": containers.url}, OWNER).remove_volume(Volume("ci-borrowed", 0.0, False, False))
    assert caught.value.kind is Kind.CONFLICT

    containers.api.remove_container(next(iter(containers.ids().values())))  # as `docker container prune` does
    (made_by_part,) = fleet.tasks(task("fleet_volumes", {**rules, "workers": []}))
    assert _removed(made_by_part) == ["ci-seldom"], (
        "whoever sees a part of the document does not take what the state knows"
    )
    assert "ci-data" in _all(containers)


def _stopped_stranger(containers: Containers, volume: str, labels: dict[str, str] | None = None) -> None:
    """Let somebody else run a container with a volume to its end."""
    api = containers.api
    api.create_volume(volume, labels=labels)
    body = api.create_host_config(binds=[f"{volume}:/v"])
    made = api.create_container(containers.image, ["true"], host_config=body, labels=["test.volumes"])
    api.start(made["Id"])
    api.wait(made["Id"])


def _all(containers: Containers) -> set[str]:
    return {one["Name"] for one in containers.api.volumes()["Volumes"] or ()}


def _removed(result: Result) -> list[str]:
    return sorted(one["name"] for one in result["removed"])
