# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at every configured provider once: what it is, and what it holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import repeat

from ..model.carry import Column
from ..model.errors import HodeiError
from ..model.mounts import called
from ..model.ports import Fingerprint, Limits, Listing, ObjectProvider
from .provider_fault import provider_fault
from .world import World, assemble


@dataclass(frozen=True)
class Survey:
    """Providers by name: their fingerprints (missing where a provider did not answer), the world they show, and what they ``told``
    when they were asked for it.
    """

    fingerprints: Mapping[str, Fingerprint]
    world: World
    told: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, Column]:
        """The (field, provider) table as it holds here and now."""
        return {name: one.column for name, one in self.fingerprints.items()}

    @property
    def limits(self) -> dict[str, Limits]:
        """How hard each provider may be driven."""
        return {name: one.limits for name, one in self.fingerprints.items()}

    @property
    def warnings(self) -> list[str]:
        """What providers want their users to know."""
        return self.warnings_of(self.fingerprints)

    def warnings_of(self, names: Collection[str]) -> list[str]:
        """What some of them want their users to know."""
        told = {name: (*one.warnings, *self.told.get(name, ())) for name, one in self.fingerprints.items()}
        return [f"{called(name)}: {text}" for name, texts in told.items() if name in names for text in texts]


def survey(providers: Mapping[str, ObjectProvider], lineage: str, *, attend: bool = False) -> Survey:
    """Ask all providers at the same time; one that does not answer leaves its workers Unknown. Raises nothing.

    With ``attend`` each provider first sees to it that its living objects are watched.
    """
    if len(providers) <= 1:
        answers = [_look(name, provider, attend) for name, provider in providers.items()]
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max_workers=len(providers), thread_name_prefix="survey") as pool:
            answers = list(pool.map(_look, providers, providers.values(), repeat(attend)))
    by_name = dict(zip(providers, answers, strict=True))
    return Survey(
        fingerprints={name: found for name, (found, _unused) in by_name.items() if found is not None},
        world=assemble({name: listing for name, (_unused, listing) in by_name.items()}, lineage),
        told={name: listing.warnings for name, (_unused, listing) in by_name.items()},
    )


def _look(name: str, provider: ObjectProvider, attend: bool) -> tuple[Fingerprint | None, Listing]:
    found: list[Fingerprint] = []

    def look() -> Listing:
        if attend:
            provider.attend()
        found.append(provider.fingerprint())
        return provider.list()

    listing = listed(name, look)
    return (found[0] if found else None), listing


def listed(name: str, look: Callable[[], Listing]) -> Listing:
    """Return what a look at a provider shows: nothing, for a reason, where it raises."""
    try:
        return look()
    except HodeiError as error:
        return Listing((), complete=False, problem=error)
    except Exception as error:  # noqa: BLE001 - a fault of one provider must not keep the others from being looked at
        return Listing((), complete=False, problem=provider_fault(name, "list", error))
