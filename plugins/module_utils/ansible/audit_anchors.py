# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The anchors of an audit chain as a document configures them: made, opened, and told how far the chain has got."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from ..access.audit.anchors import FileAnchor, GivenAnchor, StateAnchor, StoreAnchor, SyslogAnchor
from ..model.audit import Anchor
from ..model.errors import HodeiError, Kind
from ..model.state_store import StateStore
from ..model.store import Store
from .credentials import Credentials


def make_anchor(config: Mapping[str, Any], clock: Callable[[], float], open_store: Callable[[str], Store]) -> Anchor:
    """Make an anchor: ``{directory: PATH}``, ``{store: NAME}``, ``{head: SEQ:HASH}`` or ``{syslog: HOST:PORT}``.

    Raises HodeiError(validation).
    """
    kind, place = next(iter(config.items())) if len(config) == 1 else ("", "")
    if kind == "directory" and place:
        return FileAnchor(Path(str(place)).expanduser())
    if kind == "store":
        return StoreAnchor(open_store(str(place)), str(place))
    if kind == "head":
        return GivenAnchor(str(place))
    host, _unused, port = str(place).rpartition(":")
    if kind == "syslog" and host and port.isdecimal():
        return SyslogAnchor(host.strip("[]"), int(port), platform.node(), clock)
    raise HodeiError(
        Kind.VALIDATION,
        f"{dict(config)} is no anchor of an audit chain",
        hint="Write one of {directory: PATH}, {store: NAME}, {head: SEQ:HASH}, {syslog: HOST:PORT}.",
    )


@contextmanager
def opened_anchors(
    configs: Sequence[Mapping[str, Any]], state: StateStore, credentials: Credentials, *, read_only: bool
) -> Iterator[list[Anchor]]:
    """Open the state's anchor, where there is a state, and those that are configured. Raises HodeiError."""
    with ExitStack() as stack:

        def open_store(name: str) -> Store:
            if name not in credentials.configs:
                hint = f"The configured ones are: {', '.join(credentials.configs)}."
                raise HodeiError(Kind.VALIDATION, f"there is no store '{name}'", hint=hint)
            return stack.enter_context(closing(credentials.open_store(name, read_only=read_only, anew=True)))

        own = [StateAnchor(state)] if read_only or state.exists() else []
        yield [*own, *(make_anchor(one, time.time, open_store) for one in configs)]
