# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C11 of the conformance suite on a real Engine, behind something that refuses calls with 429 and 503 as a gateway does."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.resilience.guard import BreakerPolicy, Policy
from ansible_collections.hodei.workers.plugins.module_utils.resilience.retry import RetryPolicy
from ansible_collections.hodei.workers.tests.support.cutting import Storm, standing
from ansible_collections.hodei.workers.tests.support.docker_fleets import DockerFleet, containers, there
from ansible_collections.hodei.workers.tests.support.fleets import OWNER, actions, errors

pytestmark = pytest.mark.xdist_group("docker")
RESET = 1.0
QUICK = Policy("local", retry=RetryPolicy(3, 0.02, 0.1), breaker=BreakerPolicy(5, RESET))


def test_the_breaker_opens_and_one_trial_passes(place: Path, engine: Any) -> None:
    """Five failures in a row, and nobody asks for a while; then one does, and when that is answered all go on."""
    storm = Storm(engine.url, lambda: 503)
    with standing(storm) as url:
        fleet = DockerFleet(place, url, policy=QUICK)
        provider = fleet.providers["local"]
        for _unused in range(2):
            with pytest.raises(HodeiError) as caught:
                provider.list()
            assert caught.value.kind is Kind.NETWORK
        assert storm.calls == 5
        with pytest.raises(HodeiError, match=r"left alone for another .*503"):
            provider.list()
        assert storm.calls == 5
        time.sleep(RESET)
        with pytest.raises(HodeiError):
            provider.list()
        assert storm.calls == 6
        storm.weather = lambda: 0
        time.sleep(RESET)
        assert provider.list().complete
        assert errors(fleet.converge(containers("[{name: a}]", engine.image))) == []
        fleet.close()
    assert [*there(engine.api)] == [f"{OWNER}.a.1"]


def test_nobody_asks_sooner_than_told(place: Path, engine: Any) -> None:
    """Retry-After is waited for, and the limit of calls holds."""
    answers = iter([429, 429])
    storm = Storm(engine.url, lambda: next(answers, 0), retry_after=1)
    with standing(storm) as url:
        fleet = DockerFleet(place, url, policy=QUICK._replace(calls_per_second=4))
        provider = fleet.providers["local"]
        assert provider.list().complete
        first, second, third = storm.asked[:3]
        assert second - first >= 1.0
        assert third - second >= 1.0
        began = time.monotonic()
        for _unused in range(9):
            provider.capacity()
        assert time.monotonic() - began >= 2.0
        fleet.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_converge_in_a_storm(place: Path, engine: Any, seed: int) -> None:
    """A third of all calls are refused: each worker is made once, or it is told that it was not; the next run has nothing to mend
    but that.
    """
    chance = random.Random(seed)
    storm = Storm(engine.url, lambda: chance.choice([0, 0, 0, 0, 429, 503]))
    wanted = containers("[{name: web, count: 8}, {name: a, state: stopped}]", engine.image)
    with standing(storm) as url:
        fleet = DockerFleet(place, url, policy=QUICK._replace(retry=RetryPolicy(6, 0.02, 0.1)))
        report = fleet.converge(wanted)
        fleet.close()
    assert storm.refused
    told = {str(one.change.address) for one in report.results if one.status == "done"}
    fleet = DockerFleet(place, engine.url)
    assert {str(one.address) for one in fleet.provider.list().observations} >= told
    assert errors(fleet.converge(wanted)) == []
    assert actions(fleet.preview(wanted)) == {}
    assert len(there(engine.api)) == 9
    fleet.close()
