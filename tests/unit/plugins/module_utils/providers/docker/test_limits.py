# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits as an Engine takes them, and what of them somebody changed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.limits import drift, limits, settable

ALL = {"resources": {"cpu": 500, "memory": 64 << 20, "pids": 50}, "restart": {"policy": "on_failure", "max_retries": 3}}
#: What an Engine shows of a container that was made without limits, and of one with all of them.
BARE: dict[str, Any] = {
    "Memory": 0,
    "NanoCpus": 0,
    "PidsLimit": None,
    "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
}
FULL: dict[str, Any] = {
    "Memory": 64 << 20,
    "MemorySwap": 64 << 20,
    "CpuQuota": 0,
    "NanoCpus": 500_000_000,
    "PidsLimit": 50,
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
}


@pytest.mark.parametrize(("host", "spec"), [(FULL, ALL), (BARE, {"restart": {"policy": "never"}})])
def test_what_was_made_is_no_drift(host: dict[str, Any], spec: dict[str, Any]) -> None:
    """Neither are the Engine's words for no limit."""
    for same in (
        {},
        {"PidsLimit": host["PidsLimit"] or -1},
        {"CpuShares": 1024},
        {"CpusetCpus": ""},
        {"MemorySwap": -1},
    ):
        assert drift({**host, **same}, limits(spec)) == {}


@pytest.mark.parametrize(
    ("changed", "field", "shown"),
    [
        ({"Memory": 32 << 20}, "resources.memory", 32 << 20),
        ({"NanoCpus": 1_500_000_000}, "resources.cpu", 1500),
        ({"MemorySwap": 128 << 20}, "resources.memory", f"MemorySwap {128 << 20}"),
        ({"Memory": 32 << 20, "MemorySwap": 128 << 20}, "resources.memory", 32 << 20),
        ({"CpuShares": 512}, "resources.cpu", "CpuShares 512"),
        ({"CpusetCpus": "0"}, "resources.cpu", "CpusetCpus 0"),
        ({"PidsLimit": 7}, "resources.pids", 7),
        ({"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}, "restart", "always"),
        ({"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}}, "restart", "never"),
    ],
)
def test_what_somebody_changed_is_drift(changed: dict[str, Any], field: str, shown: Any) -> None:
    """In the words of the document."""
    assert drift({**FULL, **changed}, limits(ALL)) == {field: shown}


def test_a_limit_is_taken_away() -> None:
    """By one that limits nothing, since 0 means to an Engine that it stays as it is; and then there is no drift."""
    wanted = settable(limits({}), {**FULL, "CpuShares": 2, "CpusetCpus": "1"}, 4)
    assert (wanted["NanoCpus"], wanted["CpuShares"], wanted["CpusetCpus"]) == (4_000_000_000, 1024, "0-3")
    assert wanted["Memory"] > 1 << 60
    assert wanted["MemorySwap"] == wanted["Memory"]
    assert wanted["PidsLimit"] == -1
    assert drift({**FULL, **wanted}, wanted) == {}
    assert settable(limits(ALL), BARE, 0) == limits(ALL)
    assert settable(limits({}), BARE, 0)["PidsLimit"] == 0, "an Engine without cgroups does not even take one away"


@pytest.mark.parametrize(("cpu", "quota"), [(None, -1), (500, 25_000)])
def test_a_quota_that_somebody_set_stays_one(cpu: int | None, quota: int) -> None:
    """An Engine refuses NanoCpus where there is a quota, and heeds only that where there was one."""
    host = {**BARE, "CpuQuota": 10_000, "CpuPeriod": 50_000}
    wanted = settable(limits({"resources": {"cpu": cpu}}), host, 4)
    assert (wanted["NanoCpus"], wanted["CpuQuota"]) == (0, quota)
    assert drift({**host, **wanted}, wanted) == {}
    assert drift(host, limits({}))["resources.cpu"] == "CpuQuota 10000"
    assert drift({**FULL, "CpuQuota": 50_000}, limits(ALL)) == {}, "Podman says it in both words"
    assert settable(limits({"resources": {"cpu": cpu}}), {**host, **wanted}, 4) == wanted
