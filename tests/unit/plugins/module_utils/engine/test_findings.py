# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a play may fail on: sentences that name the workers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.findings import findings, refuse_found
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.engine.planning import plan_of

MIXED = {"was": [{"name": "gone"}, {"name": "same"}], "now": [{"name": "same"}, {"name": "web", "count": 2}]}


def test_each_finding_is_a_sentence() -> None:
    assert findings(plan_of(MIXED)) == {
        "change": "3 workers are not as the document says (worker.web[0-1] (2), worker.gone)",
        "delete": "1 worker is to be deleted (worker.gone)",
    }


def test_nothing_found() -> None:
    plan = plan_of({"was": [{"name": "a"}], "now": [{"name": "a"}]})
    assert findings(plan) == {}
    refuse_found(plan, ("drift", "change", "delete"))


def test_only_what_was_asked_for_is_refused() -> None:
    refuse_found(plan_of(MIXED), ("drift",))
    with pytest.raises(HodeiError, match=r"nothing was touched.*delete: 1 worker is to be deleted"):
        refuse_found(plan_of(MIXED), ("drift", "delete"))


def test_another_owner_is_a_change() -> None:
    """Alone, and beside others."""
    plan = replace(plan_of({"was": [{"name": "a"}], "now": [{"name": "a"}]}), owner_from="old")
    assert findings(plan) == {"change": f"owner 'old' becomes '{plan.owner}'"}
    assert findings(replace(plan_of(MIXED), owner_from="old"))["change"].endswith(
        "; 3 workers are not as the document says (worker.web[0-1] (2), worker.gone)"
    )
