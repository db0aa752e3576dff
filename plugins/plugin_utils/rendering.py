# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's own templating for the files of workers: templates are found and rendered as the template module does it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError

from ansible_collections.hodei.workers.plugins.module_utils.ansible.templates import Template, TemplateError

try:
    from ansible.template import AnsibleEnvironment  # not the native one: text is wanted
except ImportError:  # since ansible-core 2.19 there is one for all
    AnsibleEnvironment = None

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every string is a template

    def trust_as_template(value: str) -> str:
        """Return the string as it is."""
        return value


class Templates:
    """Reads and renders for one task. ``find`` looks where the template module does, and raises AnsibleError."""

    def __init__(self, templar: Any, loader: Any, variables: Mapping[str, Any], find: Callable[[str], str]) -> None:
        self._templar = templar
        self._loader = loader
        self._variables = variables
        self._find = find

    def read(self, name: str) -> Template:
        """Find and read a template, a vaulted one too. Raises TemplateError."""
        path = self._found(name)
        real = path
        try:
            open(path, "rb").close()  # Ansible's loader does not say why it cannot
            real = self._loader.get_real_file(path)
            with open(real, encoding="utf-8", newline="") as file:
                return Template(path, file.read())
        except UnicodeDecodeError:
            raise TemplateError(
                f"the template {path} is no UTF-8 text", "for binary content write content_base64"
            ) from None
        except IsADirectoryError:
            raise TemplateError(f"the template {path} is a directory", "name a file in it") from None
        except OSError as error:
            raise TemplateError(
                f"the template {path} cannot be read: {error.strerror}", "check its mode and its owner"
            ) from None
        except AnsibleError:
            raise TemplateError(
                f"the template {path} cannot be decrypted", "give the vault password that it was encrypted with"
            ) from None
        finally:
            self._loader.cleanup_tmp_file(real)

    def _found(self, name: str) -> str:
        try:
            return self._find(name)
        except AnsibleError:
            started_in = os.environ.get("PWD") or os.getcwd()
            places = [place for place in (self._variables.get("inventory_dir"), started_in) if place]
            for place in places:
                for path in (os.path.join(place, "templates", name), os.path.join(place, name)):
                    if os.path.exists(path):
                        return path
        where = " and ".join(dict.fromkeys(map(str, places)))
        hint = f"put it into templates/ beside the play, the role or the inventory (looked in {where}, too)"
        raise TemplateError(f"there is no template {name}", hint)

    def render(self, template: Template, about: Mapping[str, Any]) -> str:
        """Render a template with the task's variables and what it may know of its worker. Raises TemplateError."""
        variables = {
            "ansible_managed": "Ansible managed",
            **self._variables,
            **about,
            "template_path": template.path,
            "template_fullpath": template.path,
        }
        try:
            result = self._templated(template, variables)
        except Exception as error:  # noqa: BLE001 - whatever a filter or a lookup raises is told with its place
            raise _explained(template, error) from None
        return "" if result is None else str(result)

    def _templated(self, template: Template, variables: dict[str, Any]) -> Any:
        folders = [
            *self._variables.get("ansible_search_path", []),
            self._loader.get_basedir(),
            os.path.dirname(template.path),
        ]
        paths = [path for folder in folders for path in (os.path.join(folder, "templates"), folder)]
        overrides = {"trim_blocks": True, "newline_sequence": "\n"}
        if AnsibleEnvironment is None:
            templar = self._templar.copy_with_new_env(searchpath=paths, available_variables=variables)
            return templar.template(trust_as_template(template.text), escape_backslashes=False, overrides=overrides)
        templar = self._templar.copy_with_new_env(
            environment_class=AnsibleEnvironment, searchpath=paths, available_variables=variables
        )
        return templar.do_template(
            template.text, preserve_trailing_newlines=True, escape_backslashes=False, overrides=overrides
        )


def _explained(template: Template, error: BaseException) -> TemplateError:
    """Say what is wrong and in which line, and no value of a variable: only some kinds of errors are known to name none."""
    chain = _chain(error)
    for one in reversed(chain):
        if isinstance(one, TemplateSyntaxError):
            where = f"{template.path}, line {one.lineno}"
            return TemplateError(
                f"the template {where} is not valid: {(one.message or '').rstrip('.')}", "mend it; it is Jinja2"
            )
        if isinstance(one, TemplateNotFound):
            missing = f"the template {template.path} needs {one.name}, which is not there"
            return TemplateError(missing, "put it into templates/ beside it")
        if isinstance(one, (UndefinedError, AnsibleUndefinedVariable)):
            words = str(one).partition(". ")[0].partition("\n")[0]
            hint = "define it, in the inventory for instance, or mend its name"
            return TemplateError(f"the template {_place(template, words)} cannot be rendered: {words}", hint)
    hint = "a filter, a test or a lookup in it failed; ansible.builtin.template with this template and -vvv says more"
    return TemplateError(f"the template {template.path} cannot be rendered ({type(chain[-1]).__name__})", hint)


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and what caused it, the first cause last."""
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        following = getattr(following, "orig_exc", None) or following.__cause__
    return found


def _place(template: Template, words: str) -> str:
    """Name the line that has the word which an error quotes: Ansible's own templating keeps no line numbers."""
    quoted = re.search(r"'(\w+)'", words)
    for number, line in enumerate(template.text.splitlines(), 1):
        if quoted and re.search(rf"\b{quoted[1]}\b", line):
            return f"{template.path}, line {number}"
    return template.path
