# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of every module: fills missing options from hodei_* variables, fragments and document files."""

from __future__ import annotations

import inspect
import os
import secrets as random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.hodei.workers.plugins.module_utils.ansible import (  # pylint: disable=unused-import
    direct,
    gather,
    progress,
    python_version,  # noqa: F401
    sealed_arguments,
    shards,
    templates,
)
from ansible_collections.hodei.workers.plugins.module_utils.ansible.documents import load_document
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import SECRET_FIELDS, WORKER_FIELDS
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import (
    HodeiError,
    InvalidDocument,
    Kind,
    Problem,
)
from ansible_collections.hodei.workers.plugins.plugin_utils.recognising import Recogniser
from ansible_collections.hodei.workers.plugins.plugin_utils.rendering import Templates, trust_as_template

#: What modules are about that are not about the whole document, and the fields of one entry that they take.
_ABOUT = {
    "worker": (("workers",), WORKER_FIELDS),
    "secret": (("secrets",), SECRET_FIELDS),
    "secret_info": ((), frozenset()),
}
#: Modules that may have written secrets, so that lookups have to read them again.
_WRITING = ("fleet", "secret")
#: Modules that open stores.
_OPENING = (*_WRITING, "fleet_plan", "secret_info", "worker")
#: Modules that ask nobody what the files of workers hold, so that a template with a mistake does not keep them from their work.
_REACHING = ("worker_exec", "worker_forward", "worker_logs", "capacity_info", "fleet_init", "audit_info", "audit_key")
#: What modules take that goes to a program's standard input, and may be a secret.
_TAKING_INPUT = {"worker_exec": "stdin"}
#: What leaves no way to hand a module over but in a file, and what to do about it.
_CURES = {
    "async": "Run it without async.",
    "become_method": "Use become_method: sudo.",
    "connection": "Use a connection that can pipeline, such as ssh or local.",
}


class ActionModule(ActionBase):
    """Gathers the document and hands it to the module as one payload."""

    _supports_check_mode = True
    _supports_async = True
    _supports_diff = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sealed = ""
        self._written: list[str] = []  # documents and templates that were read

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module of the same name with what was gathered."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        name = self._task.action.rpartition(".")[2]
        for sentence in gather.mistyped(variables):
            self._display.warning(sentence)
        try:
            arguments, payload = self._gather(name, variables)
            payload = self._without_secrets(name, arguments, payload, variables)
            is_direct = self._is_direct(variables)
            if is_direct and name in _OPENING:
                from ansible_collections.hodei.workers.plugins.plugin_utils import secrets

                payload["broker"] = secrets.ticket()  # goes through a pipe, and nobody shows it
        except HodeiError as error:
            raise AnsibleActionFail(str(error)) from None
        payload["asking"] = {
            "host": str(variables.get("inventory_hostname", "")),
            "play": str(variables.get("ansible_play_name", "")),
            "task": self._task.get_name(),
        }
        if self._connection.transport in direct.LOCAL:
            payload["progress"] = progress.file_of(str(self._task._uuid), str(variables.get("inventory_hostname")))
            payload["asking"]["playbook"] = direct.playbook()
        arguments["_payload"] = gather.dumps(payload)
        module = f"hodei.workers.{name}"
        if is_direct:
            result = self._run_direct(module, arguments, variables)
        else:
            result = self._execute_module(
                module_name=module, module_args=arguments, task_vars=task_vars, wrap_async=self._task.async_val
            )
        if name in _WRITING and result.get("changed"):
            from ansible_collections.hodei.workers.plugins.plugin_utils import secrets

            secrets.written()
        return result

    def _gather(self, name: str, variables: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the arguments that stay arguments, and the payload. Raises HodeiError."""
        kinds, single_fields = _ABOUT.get(name, (gather.KINDS, frozenset()))
        arguments, payload = gather.gather(
            self._task.args,
            variables,
            template=self._templar.template,
            load=lambda path: self._load(path, variables),
            kinds=kinds,
            single_fields=single_fields,
        )
        if not gather.names_owner(payload):
            shards.refuse_shared(payload["owner"], variables, self._templar.template)
        if name in _REACHING or arguments.get("state") == "absent":
            return arguments, templates.without_templates(payload)
        return arguments, self._rendered(payload, variables)

    def _rendered(self, payload: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Have the files of workers say what they hold. Raises HodeiError."""
        renderer = Templates(
            self._templar, self._loader, variables, lambda path: str(self._find_needle("templates", path))
        )
        return templates.render_files(payload, variables, self._noting(renderer.read), renderer.render)

    def _noting(self, read: templates.Read) -> templates.Read:
        def noted(name: str) -> templates.Template:
            template = read(name)
            self._written.append(template.text)
            return template

        return noted

    def _without_secrets(
        self, name: str, arguments: dict[str, Any], payload: dict[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        """Keep the secrets of a task back, to be handed to the module over its standard input. Raises HodeiError."""
        task = self._task.get_ds() or "{{ vars }}"  # which stands for all variables
        recognise = Recogniser([task, self._task.module_defaults, *self._written], variables)
        taken = _TAKING_INPUT.get(name)
        if taken in arguments and recognise([arguments[taken]]):
            payload = {**payload, "input": {taken: arguments.pop(taken)}}
        sealed = sealed_arguments.seal(payload, f"sealed {random.token_hex(8)}", recognise)
        payload = self._judged(
            sealed.payload, [*sealed_arguments.refused(arguments, recognise, taken), *sealed.problems]
        )
        self._sealed = sealed.values
        obstacle = self._obstacle() if self._sealed else ""
        if obstacle:
            left = (
                f"with {obstacle} it would lie in a file on {variables.get('inventory_hostname')} while the task runs"
            )
            cure = _CURES[obstacle.partition(" ")[0]]
            if sealed.recognised:
                raise HodeiError(Kind.COMPATIBILITY, f"the task has a secret, and {left}", hint=cure)
            self._display.warning(f"{sealed.literal} may be plain text, and {left}. Keep it in Ansible Vault. {cure}")
        return payload

    def _judged(self, payload: dict[str, Any], problems: Sequence[Problem]) -> dict[str, Any]:
        """Return a payload in which no secret stands where it must not. Raises InvalidDocument."""
        if problems:
            raise InvalidDocument(problems)
        return payload

    def _obstacle(self) -> str:
        """Say what keeps Ansible from handing a module over through a pipe, if something does."""
        become = self._connection.become
        if self._task.async_val:
            return "async"
        if become is not None and (become.name == "su" or not getattr(become, "pipelining", True)):
            return f"become_method {become.name}"
        return "" if self._connection.has_pipelining else f"connection {self._connection.transport}"

    def _is_pipelining_enabled(self, module_style: str, wrap_async: bool = False) -> bool:
        """Hand a module that has secrets over through a pipe, also where that is turned off: otherwise it lies in a file."""
        if not self._sealed or self._obstacle():
            return bool(super()._is_pipelining_enabled(module_style, wrap_async))
        with suppress(KeyError, AttributeError, AnsibleError):  # not every connection asks
            self._connection.set_option("pipelining", True)
        return module_style == "new"

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any = None) -> Any:
        """Put secrets in at the last moment: arguments that Ansible shows when it is debugged have references."""
        sealed = {"_sealed": self._sealed} if self._sealed and module_name.startswith("hodei.workers.") else {}
        return super()._configure_module(module_name, {**module_args, **sealed}, task_vars)

    def _is_direct(self, variables: dict[str, Any]) -> bool:
        delegated = variables.get("ansible_delegated_vars", {}).get(self._task.delegate_to, variables)
        return direct.is_possible(
            transport=self._connection.transport,
            become=self._connection.become is not None,
            wrapped=bool(self._task.async_val),
            environment=any(self._task.environment or ()),
            interpreter=self._templar.template(delegated.get("ansible_python_interpreter")),
            keep_files=constants.DEFAULT_KEEP_REMOTE_FILES,
        )

    def _run_direct(self, module: str, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Do what _execute_module does, but for packing the module."""
        self._update_module_args(module, arguments, variables)
        done = self._low_level_execute_command(
            direct.command(module), sudoable=False, in_data=direct.arguments({**arguments, "_sealed": self._sealed})
        )
        profiled = "profile" in inspect.signature(self._parse_returned_data).parameters  # since ansible-core 2.19
        result: dict[str, Any] = self._parse_returned_data(done, *(["legacy"] if profiled else []))
        for name in ("stdout", "stderr"):
            if name in result:
                result.setdefault(f"{name}_lines", (result[name] or "").splitlines())
        return result

    def _load(self, path: str, variables: dict[str, Any]) -> Any:
        """Read a document; a template in it is worked out like one in a variable, and costs nothing where there is none."""
        try:
            with open(self._find(path, variables), encoding="utf-8") as file:
                text = file.read()
                self._written.append(text)
        except UnicodeDecodeError as error:
            raise AnsibleActionFail(f"{path}: byte {error.start} is no text in UTF-8; save the file as UTF-8") from None
        content = load_document(text, path)
        if "{{" not in text and "{%" not in text:
            return content
        try:
            return self._templar.template(_trusted(content))
        except AnsibleError as error:
            raise AnsibleActionFail(f"{path}: a template in it cannot be worked out: {error}") from None

    def _find(self, path: str, variables: dict[str, Any]) -> str:
        """Find a document beside the play or role, beside the inventory, or where ansible-playbook was started."""
        try:
            return str(self._find_needle("files", path))
        except AnsibleError:
            started_in = os.environ.get("PWD") or os.getcwd()
            for directory in (variables.get("inventory_dir"), started_in):
                found = os.path.join(directory, path) if directory else ""
                if os.path.isfile(found):
                    return found
            where = f"beside the play, beside the inventory ({variables.get('inventory_dir')}), or in {started_in}"
            raise AnsibleActionFail(f"the document {path} was not found {where}") from None


def _trusted(content: Any) -> Any:
    """Mark a document's strings as templates: it is the user's own file, as trusted as an inventory."""
    if isinstance(content, str):
        return trust_as_template(content)
    if isinstance(content, dict):
        return {key: _trusted(value) for key, value in content.items()}
    return [_trusted(value) for value in content] if isinstance(content, list) else content
