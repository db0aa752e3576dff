# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity by claim: what a run says of itself, kept apart from all that is verified, for the record and for rules that name it."""

from __future__ import annotations

from urllib.parse import quote

from ...model.errors import HodeiError, Kind
from ...model.principal import CLAIMED, MOST_CHARACTERS, Principal

#: Visible ASCII but ``%``, which introduces what is not.
_PLAIN = "".join(map(chr, range(0x21, 0x7F))).replace("%", "")


def claimed(name: str) -> Principal:
    """Return who says to be this (``awx_user_name``, say). Other characters than visible ASCII are written as ``%C3%A9``.

    Raises HodeiError(authentication) for a name that is empty or too long.
    """
    written = quote(name, safe=_PLAIN, errors="surrogatepass")
    if not 0 < len(written) <= MOST_CHARACTERS:
        raise HodeiError(
            Kind.AUTHENTICATION,
            "who asks for secrets says no name" if not written else f"a claimed name has {len(written)} characters",
            hint=f"A name has 1 to {MOST_CHARACTERS} characters.",
        )
    return Principal(f"{CLAIMED}:{written}")
