# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.mounts import called


@pytest.mark.parametrize(
    ("provider", "said"),
    [("store.local", "store 'local'"), ("local", "provider 'local'"), ("stores", "provider 'stores'")],
)
def test_messages_call_a_store_what_its_document_calls_it(provider: str, said: str) -> None:
    assert called(provider) == said
