# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the caller asks of one run, beside the document."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..model.address import Address, matches

#: The states that a caller may ask for in which a worker is not there any more.
GOING = ("absent", "forgotten")


@dataclass(frozen=True)
class Options:
    """How to plan.

    ``state`` is what ``worker`` asks for (``present``, ``started``, ``stopped``, ``paused``, ``restarted``, ``absent``)
    or ``fleet_forget`` (``forgotten``: whatever ``targets`` select runs on and belongs to nobody), or None in a fleet,
    where each entry of the document says it. ``prune`` lets objects go that the document
    no longer names (fleet only). ``max_deletes`` None means the larger of 3 and 20 % of the owner's workers.
    ``prune_fragments`` names fragments whose workers may go although this run does not see them. ``drain`` false stops workers in
    the middle of their work.
    """

    state: str | None = None
    destroy: bool = False
    prune: bool = False
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    max_deletes: int | None = None
    allow_empty: bool = False
    prune_fragments: tuple[str, ...] = ()
    drain: bool = True

    def selects(self, address: Address) -> bool:
        """Tell whether targets and excludes leave an address in this run."""
        wanted = not self.targets or any(matches(pattern, address) for pattern in self.targets)
        return wanted and not self.rejects(address)

    def rejects(self, address: Address) -> bool:
        """Tell whether the caller excluded an address; it is then not touched for anybody's sake."""
        return any(matches(pattern, address) for pattern in self.excludes)

    def forces_replace(self, address: Address) -> bool:
        """Tell whether the caller asked for this address to be made anew."""
        return any(matches(pattern, address) for pattern in self.replace)

    def strangers(self, known: Collection[Address]) -> Iterator[str]:
        """Say which names select none of the known addresses. A glob may select none, and what is to go may be gone."""
        gone = self.destroy or self.state == "absent"
        for what, patterns in (
            ("targets", () if gone else self.targets),
            ("excludes", self.excludes),
            ("replace", self.replace),
        ):
            for pattern in patterns:
                if not {"*", "?"} & set(pattern) and not any(matches(pattern, address) for address in known):
                    yield f"{what}: there is no worker and no secret '{pattern}', neither in the document nor here"
