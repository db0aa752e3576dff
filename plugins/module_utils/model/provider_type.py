# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the registry knows of a type of provider, built in or of a plug-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .carry import Column
from .ports import Provider

Config = Mapping[str, Any]
Make = Callable[[str, Config, str, Path], Provider]


class ProviderType(NamedTuple):
    """A type: its static column, the schema of its own configuration keys, its constructor.

    ``make(name, config, owner, home)`` gives a provider; ``home`` is a directory for what it keeps on this
    machine. ``local`` providers live on the same machine, or some of them do, as a function tells: they have no default
    rate limit, no retry and no breaker. ``signs`` are sets of configuration keys of which one whole set tells a plug-in's type
    (those of built-in types are in detect.py, where they are seen without loading the type).
    """

    column: Column
    config_schema: dict[str, Any]
    make: Make
    local: bool | Callable[[Provider], bool] = False
    signs: tuple[frozenset[str], ...] = ()
