# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that somebody merely says."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.access.identity.claimed import claimed
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.principal import Verified


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("alice", "claimed:alice"),
        ("Jos\u00e9", "claimed:Jos%C3%A9"),
        ("\u0430lice", "claimed:%D0%B0lice"),
        ("a b\nc", "claimed:a%20b%0Ac"),
        ("100%", "claimed:100%25"),
        ("user:root", "claimed:user:root"),
        ("*", "claimed:*"),
    ],
)
def test_a_claim_is_written_in_visible_ascii(name: str, subject: str) -> None:
    found = claimed(name)
    assert (found.subject, found.verified) == (subject, Verified.NONE)


@pytest.mark.parametrize("name", ["", "x" * 256, "\u00e9" * 50])
def test_a_claim_of_no_name_or_a_long_one(name: str) -> None:
    with pytest.raises(HodeiError, match="name"):
        claimed(name)


@given(st.text(min_size=1, max_size=20))
def test_two_claims_are_never_one(name: str) -> None:
    assert unquote(claimed(name).subject.removeprefix("claimed:"), errors="surrogatepass") == name
