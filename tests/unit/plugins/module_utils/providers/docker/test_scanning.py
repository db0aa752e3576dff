# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scanner of the user's choice."""

from __future__ import annotations

import time

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.scanning import scan

PATH = {"PATH": "/usr/bin:/bin"}


def test_it_is_told_which_image() -> None:
    """By words and by environment."""
    script = 'test "$0 $1 $HODEI_IMAGE $HODEI_IMAGE_ID" = "app:1 sha256:1 app:1 sha256:1"'
    scan(["sh", "-c", script, "$(HODEI_IMAGE)", "$(HODEI_IMAGE_ID)"], 10, "app:1", "sha256:1", PATH)


def test_its_last_words_say_why() -> None:
    """Not all of them."""
    script = "for n in 1 2 3 4 5 6 7 8; do echo finding $n; done; exit 3"
    with pytest.raises(HodeiError, match="ended with 3") as caught:
        scan(["sh", "-c", script], 10, "app:1", "sha256:1", PATH)
    assert "finding 8" in caught.value.message
    assert "finding 3" not in caught.value.message


def test_whatever_it_started_ends_with_its_time() -> None:
    """A child that holds the output holds up nobody."""
    began = time.monotonic()
    with pytest.raises(HodeiError, match=r"did not end in 0\.1 s"):
        scan(["sh", "-c", "sleep 100 & sleep 100"], 0.1, "app:1", "sha256:1", PATH)
    assert time.monotonic() - began < 50


def test_one_that_is_not_there() -> None:
    """Is a mistake of the configuration."""
    with pytest.raises(HodeiError, match="/not/there does not start: No such file"):
        scan(["/not/there"], 1, "app:1", "sha256:1", PATH)
