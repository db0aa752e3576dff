# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks for a secret: somebody whose identity was verified, or a claim.

A claim is what a run says of itself (the user whom AWX names, say). Its subject begins with ``claimed:``, which no verified subject does,
so that no rule about ``user:alice`` is ever met by somebody who merely says to be alice.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

from .errors import HodeiError, Kind
from .secret_name import is_tenant

MOST_CHARACTERS = 255
#: What a subject is called: visible ASCII, so that no look-alike, no space and no line break is in any name.
NAME = re.compile(rf"[!-~]{{1,{MOST_CHARACTERS}}}")


class Verified(str, Enum):
    """How an identity was verified: by a token, by an entity of Vault, by the kernel (the uid on this host), or not at all."""

    OIDC = "oidc"
    VAULT = "vault"
    UID = "uid"
    NONE = "none"


CLAIMED = "claimed"
#: What each method can verify.
KINDS: dict[Verified, frozenset[str]] = {
    Verified.OIDC: frozenset({"user", "serviceaccount"}),
    Verified.VAULT: frozenset({"user", "serviceaccount"}),
    Verified.UID: frozenset({"uid"}),
    Verified.NONE: frozenset({CLAIMED}),
}


@dataclass(frozen=True)
class Principal:
    """Who asks. Making one checks it; raises HodeiError(authentication).

    ``subject`` is one text, ``user:alice``, ``serviceaccount:ci-app``, ``uid:1000`` or ``claimed:alice``. ``roles`` come from a token or
    an entity, ``groups`` are those of the host. ``until`` (Unix seconds) is when the proof runs out, None: with the process. A claim has
    neither roles nor groups nor a tenant: it would have verified none of them.
    """

    subject: str
    verified: Verified = Verified.NONE
    tenant: str = ""
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    until: float | None = None

    def __post_init__(self) -> None:
        kind, _unused, name = self.subject.partition(":")
        if kind not in KINDS[self.verified]:
            raise _refused(f"{kind!a} is no kind of subject that '{self.verified.value}' verifies")
        for text in (name, *self.roles, *self.groups):
            if not NAME.fullmatch(text):
                raise _refused(
                    f"{text[: MOST_CHARACTERS + 1]!a} cannot be the name of a subject, role or group{_strange(text)}"
                )
        if self.tenant and not is_tenant(self.tenant):
            raise _refused(f"{self.tenant[:MOST_CHARACTERS]!a} cannot be the name of a tenant")
        if self.is_claim and (self.tenant or self.roles or self.groups):
            raise _refused("a claim has no tenant, no roles and no groups")

    @property
    def is_claim(self) -> bool:
        """Whether nobody has verified it."""
        return self.verified is Verified.NONE

    @property
    def names(self) -> frozenset[str]:
        """All that a rule may call it by."""
        roles = (f"role:{one}" for one in self.roles)
        return frozenset((self.subject, *roles, *(f"group:{one}" for one in self.groups)))

    def expired(self, now: float) -> bool:
        """Whether its proof has run out."""
        return self.until is not None and now >= self.until

    def __str__(self) -> str:
        return self.subject


def _strange(text: str) -> str:
    found = next((one for one in text if not "!" <= one <= "~"), "")
    return f": it has {found!a} ({unicodedata.name(found, 'no printable character')})" if found else ""


def _refused(why: str) -> HodeiError:
    return HodeiError(
        Kind.AUTHENTICATION,
        f"this identity cannot be used: {why}",
        hint=f"Names are 1 to {MOST_CHARACTERS} visible ASCII characters.",
    )
