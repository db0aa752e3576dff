# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What secrets may be called, and whose they are.

The grammar is strict so that two names are the same secret exactly when they are the same characters. It is ASCII: no Unicode
look-alike can stand in for a letter, and NFC never changes a name, so that nobody has to normalise (a file system or a store that
does could make two names one). It has no ``%`` and no ``\\``, so that nothing is left to decode. No segment begins with a dot, none is
empty, and nowhere are two dots in a row, so that no path leads upwards. A tenant's names begin with ``@``, which no other name has.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from .errors import HodeiError, Kind

MOST_CHARACTERS = 200
_NAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*"
TENANT_PATTERN = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
PATH_PATTERN = rf"(?!.*\.\.)(@{TENANT_PATTERN}/)?{_NAME_PATTERN}"
_NAME = re.compile(_NAME_PATTERN)
_TENANT = re.compile(TENANT_PATTERN)
_ALPHABET = re.compile(r"[A-Za-z0-9_./-]")


@dataclass(frozen=True, order=True)
class SecretName:
    """A name such as ``db/password`` and the tenant that it belongs to (a DNS label; empty: nobody's in particular).

    Making one checks both; raises HodeiError(validation). ``path`` is both in one: ``@acme/db/password``.
    """

    name: str
    tenant: str = ""

    def __post_init__(self) -> None:
        if self.tenant and not is_tenant(self.tenant):
            raise _refused(self.tenant, "tenant", "a tenant has lower-case letters, digits and '-' inside, 63 at most")
        if self.name.startswith("@"):
            raise _refused(self.name, "secret", "give the tenant by itself (tenant: NAME), and the name without it")
        if not _NAME.fullmatch(self.name) or ".." in self.name or len(self.name) > MOST_CHARACTERS:
            raise _refused(
                self.name,
                "secret",
                f"segments of ASCII letters, digits, '_', '-' and '.' stand between single '/', none begins with '.' or '-', "
                f"'..' is nowhere, and there are {MOST_CHARACTERS} characters at most",
            )

    @classmethod
    def parse(cls, path: str) -> SecretName:
        """Return the name that has this path. Raises HodeiError(validation)."""
        if not path.startswith("@"):
            return cls(path)
        tenant, _unused, name = path[1:].partition("/")
        return cls(name, tenant or "@")

    @property
    def path(self) -> str:
        """The name with its tenant before it, as one text that no other secret has."""
        return f"@{self.tenant}/{self.name}" if self.tenant else self.name

    def __str__(self) -> str:
        return self.path


def is_tenant(text: str) -> bool:
    """Tell whether a tenant may be called this."""
    return _TENANT.fullmatch(text) is not None


def _refused(text: str, what: str, rule: str) -> HodeiError:
    strange = next((one for one in text if not _ALPHABET.match(one)), "")
    named = f" has {strange!a} ({unicodedata.name(strange, 'no printable character')}) and" if strange else ""
    shown = ascii(text[: MOST_CHARACTERS + 1])
    return HodeiError(
        Kind.VALIDATION, f"{shown}{named} cannot be the name of a {what}", hint=f"{rule[0].upper()}{rule[1:]}."
    )
