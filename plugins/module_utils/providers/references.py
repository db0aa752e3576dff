# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``$(NAME)`` in commands and environments, as Kubernetes expands it.

A known name gives its value, an unknown one stays as written, ``$$(NAME)`` is a literal ``$(NAME)``
(https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/). Unlike there,
any other ``$$`` stays too: it is the shell's own process id in many a script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_REFERENCE = re.compile(r"(\$?)\$\(([^()$\s]+)\)")


def expand(text: str, env: Mapping[str, str]) -> str:
    """Expand the references of one string."""
    if "$" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        return match[0][1:] if match[1] else env.get(match[2], match[0])

    return _REFERENCE.sub(replace, text)


def expand_env(env: Mapping[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """Return ``base`` overlaid with ``env``, each value seeing the base and the values before it."""
    result = dict(base)
    for name, value in env.items():
        result[name] = expand(value, result)
    return result


def expand_all(value: Any, env: Mapping[str, str]) -> Any:
    """Expand every string inside a nest of lists and mappings."""
    if isinstance(value, str):
        return expand(value, env)
    if isinstance(value, list):
        return [expand_all(item, env) for item in value]
    if isinstance(value, dict):
        return {key: expand_all(item, env) for key, item in value.items()}
    return value
