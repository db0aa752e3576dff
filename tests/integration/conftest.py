# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of the collection, each in a directory of their own; whatever they leave running is ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Site


@pytest.fixture
def make_site() -> Iterator[Callable[..., Site]]:
    """Make sites; see Site for the arguments."""
    with ExitStack() as stack:
        yield lambda **arguments: stack.enter_context(closing(Site(**arguments)))


@pytest.fixture
def site(make_site: Callable[..., Any]) -> Any:
    """One user, who has no worker yet."""
    return make_site()
