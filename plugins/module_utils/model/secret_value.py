# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A value that must not be seen: it shows nothing of itself unless it is asked for by name.

Logs, error messages, templates, debuggers and serialisers use repr, str, format, copy and pickle; none of these gets anything here.
What Python cannot do is wipe memory: the bytes stay until the interpreter reuses their place.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from .errors import HodeiError, Kind

_SHOWN = "SecretValue(hidden)"


class SecretValue:
    """Immutable bytes; text (UTF-8) and fields (a JSON object) are ways to read them.

    ``reveal`` is a function and no attribute that holds the bytes, because ``"{0.data}".format(value)`` reads attributes.
    """

    __slots__ = ("reveal",)
    reveal: Callable[[], bytes]
    """Return the bytes."""

    def __init__(self, data: bytes) -> None:
        held = bytes(data)
        object.__setattr__(self, "reveal", lambda: held)

    @classmethod
    def of_text(cls, text: str) -> SecretValue:
        """Make one of text. Raises HodeiError(validation) for what UTF-8 cannot write (half of a surrogate pair)."""
        try:
            return cls(text.encode())
        except UnicodeEncodeError:
            pass  # this error carries the text: raised from here, it would be the context of ours
        raise HodeiError(Kind.VALIDATION, "the secret has characters that UTF-8 cannot write", hint="Give it as bytes.")

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> SecretValue:
        """Make one of fields: the same fields give the same bytes. Raises HodeiError(validation)."""
        return cls.of_text(json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False))

    def text(self) -> str:
        """Return the value as text. Raises HodeiError(validation) when it is none."""
        try:
            return self.reveal().decode()
        except UnicodeDecodeError:
            pass  # see of_text()
        raise HodeiError(
            Kind.VALIDATION, "the secret is no UTF-8 text", hint="Use it as bytes: mount it as a file, say."
        )

    def fields(self) -> dict[str, SecretValue]:
        """Return the fields, each as a value of its own; what is no string becomes its JSON. Raises HodeiError(validation)."""
        try:
            found = json.loads(self.reveal())
        except (ValueError, RecursionError):
            found = None  # see of_text()
        if not isinstance(found, dict):
            raise HodeiError(
                Kind.VALIDATION, "the secret has no fields: it is no JSON object", hint="Ask for no field."
            )
        return {
            name: self.of_text(value if isinstance(value, str) else json.dumps(value)) for name, value in found.items()
        }

    def field(self, name: str) -> SecretValue:
        """Return one field. Raises HodeiError: validation without fields, not_found without this one."""
        found = self.fields().get(name)
        if found is None:
            raise HodeiError(Kind.NOT_FOUND, f"the secret has no field '{name}'")
        return found

    def __repr__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return _SHOWN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretValue):
            return NotImplemented
        return hmac.compare_digest(self.reveal(), other.reveal())

    __hash__ = None  # type: ignore[assignment]  # a hash would tell which values are the same

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret value does not change")

    def __copy__(self) -> SecretValue:
        return self

    def __deepcopy__(self, memo: object) -> SecretValue:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret value is not serialised")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret value is not serialised")
