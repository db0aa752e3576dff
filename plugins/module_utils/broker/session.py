# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the broker needs of a credential store; ``ansible/store_session.py`` makes it of the Store port, access rules and audit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from ..model.secret_name import SecretName
from ..model.secret_value import SecretValue
from ..model.store import Retrieved, Which

#: Which store, and as whom: JSON.
Address: TypeAlias = Mapping[str, Any]


class Session(Protocol):
    """A store that is logged in to once. Shared by threads. Every call raises HodeiError and nothing else."""

    identity: Address
    """All that tells this store, and who asks it, from others, whichever way it was written: the same identity is the same session."""

    expires_at: float | None
    """When what it logged in for ends by itself (Unix seconds); None: there is nothing that outlives the process."""

    warnings: list[str]
    """What the next answer is to say besides."""

    def login(self) -> None:
        """Log in. Called once, before the first ``read``."""

    def read(self, name: SecretName, which: Which) -> Retrieved:
        """Read from the store."""

    def use(self, name: SecretName, which: Which, by: Mapping[str, Any], take: Callable[[], Retrieved]) -> Retrieved:
        """Give a value to somebody: decide whether they may, ``take`` it (from memory or by ``read``), and record that.

        ``by`` says for whom: play, task, host, and what else the opener's own rules need.
        """

    def lend(self) -> SecretValue:
        """Return what another process of this playbook goes on with instead of logging in; see ``model.store.Lending``."""

    def close(self) -> None:
        """Log out: revoke what was logged in for."""


#: Makes a session; touches no store.
Opener: TypeAlias = Callable[[Address], Session]
