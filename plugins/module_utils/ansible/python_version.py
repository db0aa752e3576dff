# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imported first by every module: a Python that is too old is told so, before it stumbles over our code.

This one file must be readable by the oldest Python that Ansible runs modules with (3.7).
"""

from __future__ import annotations

import sys

NEEDED = (3, 11)


def too_old(version: tuple[int, ...], executable: str) -> str:
    """Say what to do about an interpreter; empty when it is new enough."""
    if version >= NEEDED:
        return ""
    return (
        "hodei.workers needs Python 3.11 or later where its modules run, and {} is {}.{}. Set ansible_python_interpreter "
        'to a newer one; on the machine that runs ansible-playbook: "{{{{ ansible_playbook_python }}}}".'
    ).format(executable, *version)


def _refuse(message: str) -> None:
    """End a module as modules end; on the controller, where no module runs, fail the import."""
    if "ansible.plugins" in sys.modules:
        raise ImportError(message)
    import json

    sys.stdout.write(json.dumps({"failed": True, "msg": message}))
    raise SystemExit(1)


_message = too_old(sys.version_info[:2], sys.executable)
if _message:
    _refuse(_message)
