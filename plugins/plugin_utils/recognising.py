# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values of a task are secrets: what Ansible Vault keeps, and what our lookup returned.

Since ansible-core 2.19 a value from Vault has a tag that says so, unless a template put it into a longer text. Before, a template
leaves nothing to see. So the variables that the task's templates name are looked at, too: values from Vault among them are secrets, alone
and within longer texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.hodei.workers.plugins.module_utils.ansible.broker_desk import may_be_within
from ansible_collections.hodei.workers.plugins.plugin_utils import secrets

try:
    from ansible.parsing.vault import VaultHelper
except ImportError:  # before ansible-core 2.19 a type says it
    VaultHelper = None
try:
    from ansible._internal._datatag._tags import Origin
except ImportError:
    Origin = None

_CODE = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What may name variables in a way that the text does not show.
_OPAQUE = frozenset(("vars", "hostvars", "varnames", "template", "include", "import", "extends"))
_NOT_OURS = frozenset(("hostvars", "vars", "groups", "ansible_facts"))  # large, and what is in them is elsewhere, too
_HEADER = b"$ANSIBLE_VAULT;"


class Recogniser:
    """Knows the secrets that one task can have been given. ``sources`` is what was written, with its templates."""

    def __init__(self, sources: Iterable[Any], variables: Mapping[str, Any]) -> None:
        self._vaulted = {text: name for name, text in vaulted_values(sources, variables) if text}

    def __call__(self, values: Sequence[Any]) -> dict[int, str]:
        """Say what those are that hold a secret, by their positions."""
        told: dict[str, str] = {}
        for value in values:
            if _is_encrypted(value):
                told[str(value)] = "a value from Ansible Vault"
            elif isinstance(value, str) and value and value not in told:
                name = self._variable(value)
                told[value] = f"a value from Ansible Vault ({name})" if name else ""
        others = [text for text, what in told.items() if not what]
        for text, given in zip(others, secrets.are_from_lookup(others), strict=True):
            if given:
                told[text] = "a value that the lookup hodei.workers.secret returned"
        texts = (str(value) if _is_encrypted(value) else value for value in values)
        return {number: told[text] for number, text in enumerate(texts) if isinstance(text, str) and told.get(text)}

    def _variable(self, value: str) -> str:
        name = self._vaulted.get(value, "")
        return name or next((name for text, name in self._vaulted.items() if may_be_within(text) and text in value), "")


def vaulted_values(sources: Iterable[Any], variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield values from Vault that templates in ``sources`` may have used, each after the name of its variable."""
    waiting = {name for name in variables if name.startswith("hodei_")}
    for source in sources:
        waiting |= _names(_texts(source))
    done: set[str] = set()
    while waiting:
        name = waiting.pop()
        done.add(name)
        if name in _OPAQUE:
            waiting |= variables.keys() - done
        if name not in variables or name in _NOT_OURS:
            continue
        texts = _texts(variables[name])
        waiting |= _names(texts) - done
        for text in texts:
            if _is_encrypted(text) or (not name.startswith("hodei_") and _in_vaulted_file(text)):
                with suppress(AnsibleError):  # with a password that is not there: so nobody has used it
                    yield name, str(text)


def _names(texts: Iterable[Any]) -> set[str]:
    """Return the words in templates."""
    templates = (text for text in texts if isinstance(text, str) and ("{{" in text or "{%" in text))
    return {word for text in templates for code in _CODE.findall(text) for word in _WORD.findall(code)}


def _texts(value: Any) -> list[Any]:
    """Return all texts in something, encrypted ones as they are."""
    found: list[Any] = []
    _collect(found, value)
    return found


def _collect(found: list[Any], value: Any) -> None:
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, (Mapping, list, tuple)):
        for inner in value.values() if isinstance(value, Mapping) else value:
            _collect(found, inner)
    elif _is_encrypted(value):
        found.append(value)


def _is_encrypted(value: Any) -> bool:
    """Tell whether a value comes from Vault, encrypted by itself."""
    if type(value) in (str,):  # by far most: no subclass, so nothing else is known of it
        return False
    if getattr(value, "__ENCRYPTED__", False):
        return True
    return VaultHelper is not None and VaultHelper.get_ciphertext(value, with_tags=False) is not None


def _in_vaulted_file(text: Any) -> bool:
    """Tell whether a text was written in a file that is encrypted as a whole."""
    if Origin is not None:
        origin = Origin.get_tag(text)
        path = origin.path if origin else None
    else:
        path = getattr(text, "ansible_pos", (None,))[0]
    return isinstance(path, str) and _starts_encrypted(path)


@cache
def _starts_encrypted(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(_HEADER)) == _HEADER
    except OSError:
        return False
