# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of one playbook: each store is logged in to once, and logged out of when the playbook has ended."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable

from ..model.errors import HodeiError
from ..model.secret_name import SecretName
from ..model.secret_value import SecretValue
from ..model.store import Retrieved, StoreError, Which
from .session import Address, Opener, Session

#: A login that was refused is not tried again for so long: many hosts would lock the account.
REFUSED_SECONDS = 10.0


def digest_of(address: Address) -> bytes:
    """Return what an address or identity is told from others by: all of it, so that nobody who says less gets what another one read."""
    return hashlib.sha256(json.dumps(address, sort_keys=True, separators=(",", ":")).encode()).digest()


class Login:
    """One identity: its session, and whether it is logged in, or why not."""

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self.session = session
        self.digest = digest_of(session.identity)
        self.tries = 0
        self.done = False
        self._clock = clock
        self._lock = threading.Lock()
        self._problem: HodeiError | None = None
        self._until = 0.0

    def read(self, name: SecretName, which: Which) -> Retrieved:
        """Read from the store; one thread logs in, the others wait. Raises HodeiError."""
        self._ensure()
        return self.session.read(name, which)

    def lend(self) -> SecretValue:
        """Return what another process goes on with. Raises HodeiError."""
        self._ensure()
        return self.session.lend()

    def _ensure(self) -> None:
        if not self.done:
            with self._lock:
                self._log_in()

    def _log_in(self) -> None:
        if self.done:
            return
        if self._problem is not None and self._clock() < self._until:
            raise self._problem.with_traceback(None)
        self.tries += 1
        try:
            self.session.login()
        except HodeiError as error:
            self._problem = None if error.retryable else _bare(error)
            self._until = self._clock() + REFUSED_SECONDS
            raise
        self.done = True


class Sessions:
    """Shared by threads."""

    def __init__(self, opener: Opener, clock: Callable[[], float] = time.monotonic) -> None:
        self._opener, self._clock = opener, clock
        self._lock = threading.Lock()
        self._known: dict[bytes, Login] = {}  # by what was written
        self._found: dict[bytes, Login] = {}  # by what it is

    @property
    def logins(self) -> int:
        """How often somebody logged in, or tried to."""
        with self._lock:
            return sum(one.tries for one in self._found.values())

    def get(self, address: Address) -> Login:
        """Return the login of an address, not logged in yet when nobody needed it. Raises HodeiError."""
        written = digest_of(address)
        with self._lock:
            login = self._known.get(written)
            if login is None:
                made = Login(self._opener(address), self._clock)
                login = self._known[written] = self._found.setdefault(made.digest, made)
            return login

    def close(self, seconds: float) -> list[str]:
        """Log out of all at the same time; return a sentence for each that could not be logged out of within so many seconds."""
        with self._lock:
            sessions = [one.session for one in self._found.values() if one.tries]
            self._found.clear()
            self._known.clear()
        deadline = time.monotonic() + seconds
        ends = [_End(session, deadline) for session in sessions]
        return [said for said in (end.wait() for end in ends) if said]


class _End:
    """The end of one session: tried until it is done or there is no time left."""

    def __init__(self, session: Session, deadline: float) -> None:
        self._session, self._deadline = session, deadline
        self._problem = "it did not answer"
        self._done = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def wait(self) -> str:
        if self._done.wait(max(0.0, self._deadline - time.monotonic())) and not self._problem:
            return ""
        until = self._session.expires_at
        ends = "it ends with this process" if until is None else f"it ends by itself at {_written(until)}"
        return f"could not log out ({self._problem}); {ends}"

    def _run(self) -> None:
        pause = 0.1
        while True:
            try:
                self._session.close()
            except HodeiError as error:
                self._problem = str(error)
                if not error.retryable:
                    break
            except Exception as error:  # noqa: BLE001 - one broken store may not keep the others from their end
                self._problem = type(error).__name__
                break
            else:
                self._problem = ""
                break
            if time.monotonic() + pause > self._deadline:
                break
            time.sleep(pause)
            pause *= 2
        self._done.set()


def _bare(error: HodeiError) -> HodeiError:
    """Return the error without the frames that it came through, which hold what it was about."""
    if isinstance(error, StoreError):
        return StoreError(error.fault, error.message, hint=error.hint, where=error.where)
    return HodeiError(error.kind, error.message, hint=error.hint, where=error.where)


def _written(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
