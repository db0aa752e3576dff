# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet is made of: the worker as the document describes it, and each instance of it.

A *spec* is a nested mapping in normal form (see ``model/normal.py``): durations in seconds, sizes in bytes,
CPU in millicores, and only what differs from the schema's defaults. Two documents that mean the same have
equal specs, and a default that a later version adds does not change the digest of an older document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .address import Address
from .errors import Problem
from .mounts import Mount

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Drain:
    """How a worker is let finish its work before it is stopped.

    ``tell`` is how it learns to take no new work (one of ``command``, ``http``, ``signal``, or empty), ``busy`` how it is asked
    whether it works (``command`` or ``http``, or empty: then it works until it has ended), both in normal form. Times are seconds.
    ``on_timeout`` is ``wait`` or ``kill``.
    """

    tell: Mapping[str, Any] = field(default_factory=dict)
    busy: Mapping[str, Any] = field(default_factory=dict)
    interval: float = 2.0
    timeout: float = 1800.0
    on_timeout: str = "wait"

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Drain:
        """Read the normal form of ``lifecycle.drain``."""
        own = {name: fields[name] for name in ("busy", *_DRAIN_SETTINGS) if name in fields}
        return cls(tell={name: fields[name] for name in ("command", "http", "signal") if name in fields}, **own)

    def written(self) -> dict[str, Any]:
        """Return the normal form, as ``read`` takes it: JSON, without what equals its default."""
        own = {name: getattr(self, name) for name in _DRAIN_SETTINGS if getattr(self, name) != getattr(Drain, name)}
        return {**self.tell, **({"busy": self.busy} if self.busy else {}), **own}


_DRAIN_SETTINGS = ("interval", "timeout", "on_timeout")


@dataclass(frozen=True)
class Lifecycle:
    """How the engine may treat a worker. Nothing of it reaches a provider, so no change of it touches an object.

    ``grace`` and ``ttl`` are seconds; ``replace`` is ``destroy_before_create`` or ``create_before_destroy``; ``drain`` None
    stops a worker whatever it does; ``on_remove`` is ``destroy`` or ``forget``; ``max_unavailable`` is how many instances may be away
    at a time, as a number or a share (``25%``; empty: all).
    """

    grace: float = 10.0
    ttl: float | None = None
    prevent_destroy: bool = False
    ignore_changes: tuple[str, ...] = ()
    replace: str = "destroy_before_create"
    drain: Drain | None = None
    on_remove: str = "destroy"
    max_unavailable: str = ""

    def most_away(self, count: int) -> int | None:
        """Return how many of ``count`` instances may be away at a time; None for all."""
        if not self.max_unavailable:
            return None
        number, share, _unused = self.max_unavailable.partition("%")
        return max(1, count * int(number) // 100) if share else int(number)


@dataclass(frozen=True)
class Instance:
    """One worker that should exist: an address, where, and its whole spec.

    ``spec`` is in normal form and complete for this index (per-instance overrides merged in, ``env`` in plain
    text); ``recorded`` is the same with every ``env`` value that is not declared visible replaced by a keyed digest:
    that is the form that state, plan, diff and labels may hold. ``digest`` is the keyed digest of what a provider
    makes of ``spec``. ``depends_on`` lists addresses.
    ``mounts`` are the secrets that it is given. ``source`` says where the entry was written (``hodei_workers[3]``, ``ci.yml: workers[0]``).
    """

    address: Address
    provider: str
    spec: Spec
    recorded: Spec
    digest: str
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    depends_on: tuple[Address, ...] = ()
    state: str = "started"
    degrade: tuple[str, ...] = ()
    source: str = ""
    mounts: tuple[Mount, ...] = ()

    @property
    def fragment(self) -> str:
        """The label of the fragment that the entry belongs to (``hodei_workers``, ``ci.yml``)."""
        file, separator, _unused = self.source.partition(": ")
        return file if separator else self.source.partition("[")[0]


class Move(NamedTuple):
    """A worker, or one instance, that got another address: what ran as ``source`` is to go on as ``target``.

    ``place`` and ``file`` say where that is written.
    """

    source: Address
    target: Address
    place: str
    file: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it is about all instances of a worker: neither side has an index."""
        return self.source.key is None and self.target.key is None

    def apply(self, address: Address) -> Address:
        """Return the address that one of ``source`` gets."""
        return self.target._replace(key=address.key) if self.is_whole else self.target

    def problem(self, message: str, hint: str) -> Problem:
        """Say what is wrong with it, at its place."""
        return Problem(self.place, message, hint, self.file)


@dataclass(frozen=True)
class Document:
    """A whole, valid document: everything that one run may converge.

    ``providers`` and ``stores`` map a name to its configuration (``type`` resolved); ``sources`` are the labels
    of the fragments that this run saw (``hodei_workers``, ``hodei_workers__linux``, ``ci.yml``): what came from
    any other is Unknown and never pruned; ``digest`` identifies the content (keyed);
    ``names`` are the workers that it lists, those with ``count: 0`` included, and ``resting`` is what those are made of;
    ``moves`` say which got another address. ``secrets`` are the secrets, each as an instance of its own whose provider is a store;
    ``audit`` and ``identity`` are what is recorded of their use, and how it is told who uses them.
    """

    owner: str
    lineage: str
    instances: tuple[Instance, ...]
    providers: Mapping[str, Mapping[str, Any]]
    stores: Mapping[str, Mapping[str, Any]]
    digest: str
    sources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    resting: tuple[Spec, ...] = ()
    moves: tuple[Move, ...] = ()
    secrets: tuple[Instance, ...] = ()
    audit: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def wanted(self) -> tuple[Instance, ...]:
        """All that should exist: secrets and workers."""
        return (*self.secrets, *self.instances)
