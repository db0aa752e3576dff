# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.store import (
    MOST_KEY,
    MOST_TAG,
    MOST_TAGS,
    Fault,
    Metadata,
    StoreError,
)


def test_each_fault_has_a_kind_and_one_that_may_pass_is_tried_again() -> None:
    errors = [StoreError(fault, "x", where="db/password") for fault in Fault]
    assert [error.fault for error in errors if error.retryable] == [Fault.THROTTLED]
    assert {error.kind for error in errors if error.fault in (Fault.NOT_FOUND, Fault.DELETED)} == {Kind.NOT_FOUND}
    assert str(errors[0]) == "db/password: x"


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_at": float("nan")},
        {"expires_at": float("inf")},
        {"tags": {"": "x"}},
        {"tags": {"a": 1}},
        {"tags": {"a" * (MOST_KEY + 1): "x"}},
        {"tags": {"a": "x" * (MOST_TAG + 1)}},
        {"tags": {str(number): "" for number in range(MOST_TAGS + 1)}},
    ],
)
def test_metadata_that_no_store_could_keep(fields: dict[str, Any]) -> None:
    with pytest.raises(HodeiError) as caught:
        Metadata(**fields)
    assert caught.value.kind is Kind.VALIDATION
