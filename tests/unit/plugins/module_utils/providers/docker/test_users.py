# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a name is inside an image."""

from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.users import Users, needs_names

USERS = Users(
    "root:x:0:0:root:/root:/bin/sh\n# odd\nbroken\napp:x:1000:50::/srv:/bin/false\nbad:x:no:no::/:\n",
    "root:x:0:\nstaff:x:50:app\n",
)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", (0, 0)),
        ("root", (0, 0)),
        ("app", (1000, 50)),
        ("1000", (1000, 50)),
        ("1234", (1234, 0)),
        ("1234:5", (1234, 5)),
        ("app:root", (1000, 0)),
        ("7:staff", (7, 50)),
    ],
)
def test_as_the_engine_reads_it(user: str, expected: tuple[int, int]) -> None:
    """A number that the image does not know is in the group of root."""
    assert USERS.identity(user) == expected


@pytest.mark.parametrize(
    ("user", "what"), [("nobody", "user 'nobody'"), ("app:wheel", "group 'wheel'"), ("bad", "bad")]
)
def test_an_unknown_name_is_told(user: str, what: str) -> None:
    """With what the image lacks."""
    with pytest.raises(HodeiError, match=what):
        USERS.identity(user)


def test_numbers_need_no_image() -> None:
    """Its files are read only where they say more."""
    assert [needs_names(user) for user in ("", "0", "root", "1:2")] == [False] * 4
    assert [Users().identity(user) for user in ("", "0", "root", "1:2")] == [(0, 0), (0, 0), (0, 0), (1, 2)]
    assert [needs_names(user) for user in ("app", "1000", "1:staff")] == [True] * 3
