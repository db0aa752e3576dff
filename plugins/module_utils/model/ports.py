# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port of providers: what the engine needs of whoever runs workers, and nothing of how it is done.

It has one conformance suite (tests/conformance/providers) that every implementation passes. The version below follows
semantic versioning; a plug-in provider names the version that it was written for.

Every call raises HodeiError and nothing else. No value here holds a secret except ``spec`` and ``secrets`` of a CreateRequest.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol, runtime_checkable

from .address import Address
from .carry import Column
from .errors import HodeiError, Problem
from .mounts import Delivery, Source
from .records import Event
from .states import Intent, WorkerState
from .store import Retrieved
from .worker import Drain, Instance, Lifecycle, Spec

if TYPE_CHECKING:  # whoever only converges does not load these
    import socket

    from .finding import Finding

PORT_VERSION = "1.2.0"
#: Calls of ``Provider`` that came after 1.0.0, with the version that brought them: an older plug-in may lack them.
ADDED: Mapping[str, str] = {"drain": "1.1.0", "forward": "1.1.0", "watch": "1.2.0"}


@dataclass(frozen=True)
class Limits:
    """How hard a provider may be driven.

    ``bulk`` is the most items in one call, ``parallel`` the most calls at the same time.
    """

    bulk: int = 1
    parallel: int = 8


@dataclass(frozen=True)
class Fingerprint:
    """What a provider is, here and now.

    ``column`` is the provider's column of the (field, provider) table as it holds on this machine (a memory
    limit is NATIVE only with a delegated cgroup, say). ``survives`` says what a worker outlives: ``session``,
    ``login``, ``boot`` or ``container``. ``warnings`` are sentences for the user, each with cause and cure.
    """

    type: str
    version: str
    column: Column
    limits: Limits = field(default_factory=Limits)
    healthy: bool = True
    survives: str = ""
    warnings: tuple[str, ...] = ()


class Verb(str, Enum):
    """What can be done to an object that exists; all are idempotent, and absent counts as deleted and released.

    RELEASE lets go of an object: it runs on untouched and belongs to nobody, so that no list shows it any more.
    """

    START = "start"
    STOP = "stop"
    DELETE = "delete"
    PAUSE = "pause"
    RESUME = "resume"
    RESTART = "restart"
    RELEASE = "release"


class Draining(NamedTuple):
    """That an object finishes its work, as its own native record remembers it.

    ``since`` is Unix seconds; ``told`` says that it takes no more work, so that only a restart makes it take some again; ``then``
    is what the provider itself does as soon as it is idle; ``expiring`` says that this is for the end of its time to live.
    """

    since: float
    told: bool = False
    then: Verb | None = None
    expiring: bool = False


class Activity(str, Enum):
    """Whether a worker works. What cannot be known is UNKNOWN and never idle."""

    IDLE = "idle"
    BUSY = "busy"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Observation:
    """One object of ours, as it is seen now.

    ``generation`` tells apart two objects of one address while one replaces the other. ``etag`` changes when
    somebody changes the object (spec, labels, intent) or makes another in its place, not when it merely
    restarts. ``drift`` maps the path of a field to its observed value where the native object no longer shows
    what was made (never aliases, defaults or order). ``ports`` are the bound ports by name. ``spec_digest``,
    ``key_id``, ``operation``, ``lineage``, ``protected`` and ``intent`` come from native labels; so do ``on_remove`` (empty where the
    provider does not write it down), ``drain``, how it is let finish its work, and ``draining``, that it does so now. ``details``
    is what operators of this provider ask for beside that (a process's ``pid``); nothing is decided by it. ``expires_at`` is when it
    should have been renewed. ``secrets`` maps the key of each mount to the version that it gives, as ``model.mounts`` writes both.
    """

    address: Address
    generation: int
    lineage: str
    state: WorkerState
    external_id: str
    spec_digest: str
    etag: str
    operation: str = ""
    key_id: str = ""
    intent: Intent = Intent.STARTED
    protected: bool = False
    on_remove: str = ""
    reason: str = ""
    exit_code: int | None = None
    restarts: int = 0
    created_at: float | None = None
    started_at: float | None = None
    expires_at: float | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    drift: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    drain: Drain | None = None
    draining: Draining | None = None
    stale: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def lifecycle(self) -> Lifecycle:
        """What its labels tell of how it may be treated."""
        return Lifecycle(
            prevent_destroy=self.protected, drain=self.drain, on_remove=self.on_remove or Lifecycle.on_remove
        )


@dataclass(frozen=True)
class Listing:
    """The answer to one bulk list. Where ``complete`` is false, what is missing is Unknown, not absent. ``warnings`` are sentences
    for the user about what could not be found out. ``versions`` are the current ones of all secrets of a store, by their paths;
    ``deleted`` are secrets of ours that are not there now, and that ``create`` brings back.

    ``revision`` is its place in the order of all that the provider shows, see ``News``; 0 where there is no such order.
    """

    observations: tuple[Observation, ...]
    complete: bool = True
    problem: HodeiError | None = None
    revision: int = 0
    warnings: tuple[str, ...] = ()
    versions: Mapping[str, int] = field(default_factory=dict)
    deleted: tuple[Observation, ...] = ()


class News(NamedTuple):
    """What a watch tells at one time: objects as they are, and which (address and generation) are there no more.

    ``revision`` says at which place in the order of all that the provider shows: news and lists of a greater one are younger, whoever
    asked and whichever connection they came by. News without objects may have 0. ``gap``: something happened that is not told,
    so list again.
    """

    seen: tuple[Observation, ...] = ()
    gone: tuple[tuple[Address, int], ...] = ()
    revision: int = 0
    gap: bool = False


@dataclass(frozen=True)
class Labels:
    """What is written into the native labels of every object, so that lost state can be rebuilt from the world."""

    owner: str
    lineage: str
    key_id: str
    run_id: str = ""


@dataclass(frozen=True)
class Target:
    """An object that a verb is meant for. ``etag`` empty: whatever its present version is."""

    address: Address
    generation: int
    external_id: str = ""
    etag: str = ""
    lifecycle: Lifecycle = field(default_factory=Lifecycle)


@dataclass(frozen=True)
class CreateRequest:
    """An object to make (or, for ``update``, to bring up to date).

    Idempotent on (owner, address, generation) and ``digest``: the same again returns the object that is there,
    another digest is a conflict. For ``update``, ``etag`` must still be the object's (empty: any); a ``digest``
    equal to the object's leaves the spec alone and writes labels and lifecycle only, but for the fields named
    in ``drifted``, which are put right (``value`` of a secret also by ``create``, where a deleted one comes back), and ``secrets``,
    which are given anew where their versions differ. ``secrets`` are all that the object is given. ``adopt_from`` names the foreign
    lineage that the object may carry and loses. ``moved_from`` is the address that the object of this generation carries up to now: it
    gets ``address`` and its new labels in one step and is not touched otherwise; one that has it already is done, and another
    object there is a conflict. For these two, ``spec`` is empty and what the object is made of stays. For ``create``,
    ``native_id`` names a running object that belongs to nobody, as ``compare`` returned it: that one becomes ours instead
    of a new one, and goes on untouched. ``spec`` has
    the schema's defaults merged in and holds ``env`` in plain text.
    """

    address: Address
    generation: int
    operation: str
    spec: Spec
    digest: str
    labels: Labels
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    intent: Intent = Intent.STARTED
    worker: str = ""
    index: int | None = None
    degrade: tuple[str, ...] = ()
    etag: str = ""
    adopt_from: str = ""
    moved_from: Address | None = None
    native_id: str = ""
    drifted: tuple[str, ...] = ()
    secrets: tuple[Delivery, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one item of a bulk call: partial success is a result, not an exception.

    ``activity`` is the answer to ``drain``, and ``reason`` says why it is not idle.
    """

    address: Address
    generation: int
    observation: Observation | None = None
    error: HodeiError | None = None
    activity: Activity | None = None
    reason: str = ""


@dataclass(frozen=True)
class DrainRequest:
    """An object to let finish its work, as ``target.lifecycle.drain`` says.

    ``then`` is what the provider does by itself as soon as the object is idle, where its cell of ``lifecycle.drain`` is NATIVE;
    None takes back an earlier one, but for the end of a time to live.
    """

    target: Target
    then: Verb | None = None

    @property
    def address(self) -> Address:
        """Which worker."""
        return self.target.address

    @property
    def generation(self) -> int:
        """Which object of it."""
        return self.target.generation


@dataclass(frozen=True)
class ExecRequest:
    """A command to run inside a worker. ``timeout`` in seconds; ``limit`` in bytes per stream, None for all of it.

    ``stdin`` may be a file that is read to its end. Where ``stdout`` is a file, what the command writes goes there, whole, and not
    into the result; so neither has to fit into memory.
    """

    target: Target
    command: tuple[str, ...]
    stdin: bytes | BinaryIO = b""
    timeout: float = 60.0
    limit: int | None = 1 << 20
    stdout: BinaryIO | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    user: str = ""


@dataclass(frozen=True)
class ExecResult:
    """What a command gave: 127 when the program is not there, as a shell says it."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    timed_out: bool = False


@dataclass(frozen=True)
class LogRequest:
    """Which part of a log: the last ``tail`` lines, those after ``since`` (Unix seconds), then ``follow`` seconds more.

    ``limit`` bytes at the most, the last ones; following ends when so many have come. It goes on when the worker restarts, and
    with the object that takes its place.
    """

    target: Target
    tail: int | None = None
    since: float | None = None
    follow: float = 0.0
    limit: int = 1 << 20


@dataclass(frozen=True)
class LogResult:
    """Log text as the worker wrote it; ``truncated`` when the limit cut its beginning."""

    text: bytes
    truncated: bool = False


@dataclass(frozen=True)
class Capacity:
    """Resources in millicores, bytes and workers; None where the provider cannot know."""

    cpu_total: int | None = None
    cpu_used: int | None = None
    memory_total: int | None = None
    memory_used: int | None = None
    workers: int = 0


@dataclass(frozen=True)
class Comparison:
    """What a native object is that a request names by ``native_id``.

    ``native_id`` names it for good, even where the id may be given out again; ``address`` is set when it is an object of ours
    already. ``drift`` is what of it differs from the request or cannot be verified, as in an Observation. ``problem`` says why
    it cannot be ours.
    """

    native_id: str
    address: Address | None = None
    drift: Mapping[str, Any] = field(default_factory=dict)
    problem: HodeiError | None = None


class ObjectProvider(Protocol):
    """Has objects that are made, changed and deleted: workers, or the secrets of a store (stores/objects.py). One instance serves one
    configured provider, or store, of one owner, from several threads.
    """

    def fingerprint(self) -> Fingerprint:
        """Look at the provider once; cheap, and free of side effects."""

    def validate(self, instances: Sequence[Instance]) -> Sequence[Problem]:
        """Say what of the specs cannot work here beyond the table (program not found, port out of range)."""

    def list(self) -> Listing:
        """See all objects of the owner, of whatever lineage, in one bulk call, side-effect free."""

    def attend(self) -> None:
        """See to it that somebody watches over the living objects; each run that may write begins with it, check mode never."""

    def create(self, requests: Sequence[CreateRequest]) -> Iterable[Outcome]:
        """Make objects in bulk, yielding each outcome as soon as it is final.

        Final means: running with its health known good (or no health declared), paused or stopped where that is
        the intent, or failed with a reason by the deadline.
        """

    def update(self, requests: Sequence[CreateRequest]) -> Iterable[Outcome]:
        """Bring living objects up to date in place; only fields whose cell says UPDATE or RECORD differ.

        All files of one object change, or none. An object that runs is stale then, until it was told as its ``reload``
        says, which is part of the update, or until it is started again, which is not.
        """

    def act(self, verb: Verb, targets: Sequence[Target]) -> Iterable[Outcome]:
        """Do one verb to many objects. DELETE stops first: signal, grace, kill. A new run of an object does not drain, and
        RESUME ends the draining of one that was not told of it.
        """

    def close(self) -> None:
        """Give back connections."""


class SecretProvider(ObjectProvider, Protocol):
    """Has the secrets of a store."""

    def read(self, source: Source, users: Sequence[Address]) -> Retrieved:
        """Read a secret, whole, for the workers that are given it. Raises HodeiError: not_found, or what the store says."""


class Provider(ObjectProvider, Protocol):
    """Runs workers."""

    def watch(self, seconds: float) -> Generator[News, None, None]:
        """Tell which objects change, for so long at the most; it ends when it is closed, and may be cut off or raise at any time.

        Whatever changes after the first news is told, in that watch, at the latest a moment later: so list after the first. News may come
        twice, late, and in any order; several changes of one object may come as the last of them. What nobody notices (drift)
        need not be told. Something comes each second, empty when nothing happened. Changes nothing, starts nothing. Whoever cannot
        watch raises HodeiError(compatibility).
        """

    def drain(self, requests: Sequence[DrainRequest]) -> Iterable[Outcome]:
        """Ask in bulk whether objects work, and have them take no new work; waits for no work to end.

        The first call for an object tells it, where the drain says how, and remembers since when in the object's own record;
        later ones only ask. Each outcome has an ``activity``: IDLE also for what is absent or has ended, UNKNOWN with a reason
        for what cannot be told or asked. An object that ends by itself while it drains is not started again. An IDLE object
        is left alone: a ``then`` is for those that are not.
        """

    def exec(self, request: ExecRequest) -> ExecResult:
        """Run a command inside a worker, in its environment."""

    def logs(self, request: LogRequest) -> LogResult:
        """Read a worker's log."""

    def forward(self, target: Target, port: str) -> socket.socket:
        """Connect to a port of a worker, by its name or number; cheap, since it is called for each connection.

        Returns a connected stream, blocking and without a timeout, that can be closed in one direction (``shutdown``). Raises not_found
        (no such worker or port), conflict (it does not run) or network (nothing listens); afterwards a peer that dies ends
        or resets the stream.
        """

    def events(self, target: Target, limit: int) -> Sequence[Event]:
        """Say what happened to a worker, oldest first."""

    def capacity(self) -> Capacity:
        """Say what is there and what is used."""


@runtime_checkable
class Examinable(Protocol):
    """What a provider may have beyond its port, for those who look for a fault."""

    def examine(self) -> Sequence[Finding]:
        """Look closer than a fingerprint does, without side effects; a finding without an area is about the provider itself."""


@runtime_checkable
class Adopting(Protocol):
    """What a provider may have beyond its port, if running objects can become its own; it then takes requests with a ``native_id``."""

    def compare(self, requests: Sequence[CreateRequest]) -> Sequence[Comparison]:
        """Look at native objects that may become ours, in the order of the requests; changes nothing.

        Here ``spec`` holds only what the document says, so that defaults need not be verified.
        """


@runtime_checkable
class Preparing(Protocol):
    """What a provider may have beyond its port, if it can get what an object needs (an image) before the object is made."""

    def prepare(self, instances: Sequence[Instance], tell: Callable[[int, int], None]) -> Mapping[Address, HodeiError]:
        """Get ready what these need, touching no object; returns those that cannot be made, and why.

        ``tell`` is told now and then how many bytes have come, and of how many.
        """


@dataclass(frozen=True)
class Image:
    """An image that a provider has; ``since`` is when it came (Unix seconds), ``wanted`` are the names that a document has for it."""

    id: str
    names: tuple[str, ...]
    size: int
    since: float
    used: bool
    wanted: tuple[str, ...] = ()


@runtime_checkable
class Imaging(Protocol):
    """What a provider may have beyond its port, if it keeps images that somebody has to clean up."""

    def images(self, instances: Sequence[Instance]) -> Sequence[Image]:
        """List all images, whoever brought them; ``instances`` say which are wanted."""

    def remove_image(self, image: Image) -> None:
        """Remove an image. Raises HodeiError(conflict) when something needs it."""


@dataclass(frozen=True)
class Volume:
    """A named volume that was made for workers; ``since`` is when (Unix seconds), ``used`` that something mounts it, ``wanted``
    that a worker may.
    """

    name: str
    since: float
    used: bool
    wanted: bool


@runtime_checkable
class Storing(Protocol):
    """What a provider may have beyond its port, if it keeps volumes that outlive the objects they were made for."""

    def volumes(self, specs: Sequence[Spec]) -> Sequence[Volume]:
        """List the named volumes that were made for workers of this owner, and no others; ``specs`` say which are wanted."""

    def remove_volume(self, volume: Volume) -> None:
        """Remove a volume with all that it holds. Raises HodeiError(conflict) when something mounts it."""


@runtime_checkable
class Leaving(Protocol):
    """What a provider may have beyond its port, if it keeps something on this machine beside its objects."""

    def leave(self) -> None:
        """Stop what watches over objects and delete what is kept for them; only when nothing of ours is left. Raises HodeiError."""


@runtime_checkable
class Inheriting(Protocol):
    """What a provider needs beyond its port, so that its objects can go on under another owner."""

    def awaits(self, owner: str) -> bool:
        """Tell whether what another owner has here has still to become ours."""

    def inherit(self, owner: str) -> None:
        """Take over all that another owner has here, objects untouched; again after a death in the middle. Raises HodeiError.

        The caller holds that owner's lease.
        """

    def settle(self) -> bool:
        """Drop what still leads here from former names; False while an object needs it."""


#: All that a provider may have beyond its port.
ABILITIES = (Adopting, Examinable, Imaging, Inheriting, Leaving, Preparing, Storing)
