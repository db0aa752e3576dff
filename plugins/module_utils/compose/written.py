# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A converted document as the text of an inventory, with what is not carried on top of it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from .convert import Converted

_TEMPLATE = re.compile(r"{{|{%|{#")
_WIDTH, _UNFOLDED = 120, 1 << 20
_HOST = '{ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}'
_HEAD = "# Made from a Compose file by hodei.workers.from_compose. It holds the values of its variables: keep it to yourself.\n"


def inventory(converted: Converted) -> str:
    """Write an inventory of this machine whose fleet is the converted one."""
    variables = {
        "hodei_owner": converted.owner,
        "hodei_providers": converted.providers,
        "hodei_workers": converted.workers,
    }
    body = _yaml({"all": {"hosts": {"localhost": "@"}, "vars": variables}}).replace(
        "localhost: '@'", f"localhost: {_HOST}"
    )
    found = "".join(f"# - {one.kind}: {one}\n" for one in converted.findings)
    listed = f"# Not carried as it stood there:\n{found}" if found else ""
    return f"---\n{_HEAD}{listed}{body}"


def _yaml(content: Any) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes short things in one line, repeats what stands twice, and marks what Ansible would take for a template."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def text(self, value: str) -> Any:
            if _TEMPLATE.search(value):
                return self.represent_scalar("!unsafe", value, style="'")
            return self.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

        def rows(self, value: list[Any]) -> Any:
            return self.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=_is_short(value))

        def block(self, value: dict[str, Any]) -> Any:
            return self.represent_mapping("tag:yaml.org,2002:map", value, flow_style=_is_short(value.values()))

    Dumper.add_representer(str, Dumper.text)
    Dumper.add_representer(list, Dumper.rows)
    Dumper.add_representer(dict, Dumper.block)
    return str(yaml.dump(content, Dumper=Dumper, sort_keys=False, width=_UNFOLDED, allow_unicode=True))


def _is_short(values: Collection[Any]) -> bool:
    texts = [str(value) for value in values if not isinstance(value, (dict, list))]
    whole = sum(map(len, texts)) + 8 * len(texts)
    return len(texts) == len(values) and whole < _WIDTH and "\n" not in "".join(texts)
