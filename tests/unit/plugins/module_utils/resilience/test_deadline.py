# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.resilience.deadline import Deadline
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.resilience.fakes import Time


def test_time_runs_out_and_stays_out() -> None:
    time = Time()
    deadline = Deadline(10, time.clock)
    assert (deadline.remaining, deadline.expired) == (10, False)
    time.sleep(4)
    assert deadline.remaining == 6
    time.sleep(7)
    assert (deadline.remaining, deadline.expired) == (0, True)


def test_check_names_what_there_was_no_time_for() -> None:
    time = Time()
    deadline = Deadline(10, time.clock)
    deadline.check("listing")
    time.sleep(10)
    with pytest.raises(HodeiError, match="no time was left for listing within 10 s") as caught:
        deadline.check("listing")
    assert caught.value.kind is Kind.TIMEOUT
    assert caught.value.untouched


def test_a_part_never_outlasts_the_whole() -> None:
    time = Time()
    whole = Deadline(10, time.clock)
    assert whole.within(3).remaining == 3
    time.sleep(8)
    assert whole.within(3).remaining == 2
