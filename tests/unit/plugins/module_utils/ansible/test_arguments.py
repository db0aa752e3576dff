# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.arguments import lease_settings, octets, seconds
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import LEASE
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument


def test_durations_and_sizes_are_read_and_what_is_not_given_has_its_default() -> None:
    assert seconds({"timeout": "5m"}, "timeout") == 300.0
    assert seconds({"timeout": None}, "timeout", 7.0) == 7.0
    assert octets({"limit": "64Ki"}, "limit") == 65536


def test_the_defaults_of_the_lease_are_those_of_the_argument_spec() -> None:
    assert lease_settings({}) == lease_settings({name: option["default"] for name, option in LEASE.items()})


@pytest.mark.parametrize(("read", "text", "cure"), [(seconds, "soon", "30s"), (octets, "much", "1Mi")])
def test_what_is_neither_names_the_option_and_the_cure(read: object, text: str, cure: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        read({"limit": text}, "limit")  # type: ignore[operator]
    (problem,) = caught.value.problems
    assert problem.path == "limit"
    assert text in problem.message
    assert cure in problem.hint
