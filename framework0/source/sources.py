"""Answers about the code behind steps, from reading alone, each worked out once.

A run asks for digests only, so what the other questions need is imported when they are asked.
"""

from __future__ import annotations

import ast
from types import MappingProxyType
from typing import TYPE_CHECKING

from framework0.source.digesting import Digester
from framework0.source.facts import (
    NO_CONTEXT,
    NOT_KNOWN,
    OF_BUILTIN,
    Answer,
    Facts,
    Signature,
    Unknown,
)
from framework0.source.native import NativeName, native_signature
from framework0.source.resolving import Code, Library, OurName, Resolved

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

_TOO_DEEP = "its code is nested too deeply to be followed"


class Sources:
    """What can be known about modules found from ``roots`` (the workspace, the recipe's folder).

    Files are read when first asked about and not looked at again: an object of this class is one
    picture of the code, as a check or the start of a run needs it. Nothing of the user's is ever
    imported.
    """

    def __init__(self, roots: Sequence[str | os.PathLike[str]]) -> None:
        self._library = Library([str(root) for root in roots])
        self._digester = Digester(self._library)
        self._resolved: dict[tuple[str, str], Resolved] = {}
        self._signatures: dict[tuple[str, str], Answer] = {}
        self._facts: dict[tuple[str, str], Facts] = {}
        self._digests: dict[tuple[str, str], str] = {}
        self._kinds: Mapping[str, tuple[str, str]] | None = None

    def __repr__(self) -> str:
        return f"Sources({list(self._library.finder.roots)!r})"

    def roots(self) -> tuple[str, ...]:
        """Return the folders that code is looked for in, as full paths."""
        return self._library.finder.roots

    def files(self) -> tuple[str, ...]:
        """Return the files read so far: what the answers given rest on."""
        return self._library.files()

    def signature(self, module: str, function: str) -> Answer:
        """Return what ``function`` (which may be ``Class.method``) of ``module`` takes.

        Missing is certain, with near names; Broken carries the syntax error of the module's file.
        """
        key = (module, function)
        known = self._signatures.get(key)
        if known is None:
            try:
                known = self._signature(module, function)
            except RecursionError:
                known = Unknown(_TOO_DEEP)
            self._signatures[key] = known
        return known

    def _signature(self, module: str, function: str) -> Answer:
        resolved = self._resolve(module, function)
        if isinstance(resolved, Code):
            from framework0.source.plugins import is_builtin
            from framework0.source.signing import signature_of

            answer = signature_of(self._library, resolved, owner="." in function)
            if isinstance(answer, Signature) and is_builtin(module):
                # A definition of ours is no place where a user could correct anything.
                return answer._replace(place=None)
            return answer
        if isinstance(resolved, NativeName):
            return native_signature(resolved)
        if isinstance(resolved, OurName):
            return Unknown(f"{resolved.module} belongs to the product")
        return resolved

    def _resolve(self, module: str, function: str) -> Resolved:
        key = (module, function)
        if key not in self._resolved:
            self._resolved[key] = self._library.resolve(module, function)
        return self._resolved[key]

    def facts(self, module: str, function: str) -> Facts:
        """Return which context keys ``function`` of ``module`` reads and writes."""
        key = (module, function)
        known = self._facts.get(key)
        if known is None:
            try:
                known = self._facts_of(self._resolve(module, function))
            except RecursionError:
                known = NOT_KNOWN
            self._facts[key] = known
        return known

    def _facts_of(self, resolved: Resolved) -> Facts:
        if isinstance(resolved, NativeName) and resolved.trusted:
            return NO_CONTEXT
        if not isinstance(resolved, Code):
            return NOT_KNOWN
        from framework0.source.classes import Family
        from framework0.source.plugins import is_builtin
        from framework0.source.touching import facts_of_function, facts_of_scriptlet

        if is_builtin(resolved.module.name):
            return OF_BUILTIN
        if not isinstance(resolved.node, ast.ClassDef):
            return facts_of_function(self._library, resolved)
        family = Family(self._library, resolved)
        if family.is_scriptlet:
            return facts_of_scriptlet(family)
        return NOT_KNOWN if family.unknown else NO_CONTEXT

    def digest(self, module: str, function: str) -> str:
        """Return a SHA-256, in hexadecimal, that changes when the code behind a step does.

        It covers what the function rests on in the module's file, and the modules of the roots that
        this imports, directly or through others; modules from elsewhere count by name.
        """
        key = (module, function)
        known = self._digests.get(key)
        if known is None:
            known = self._digests[key] = self._digester.digest(module, function)
        return known

    def code_files(self, module: str) -> Mapping[str, str]:
        """Return the files of the roots that code of ``module`` depends on, each with its SHA-256."""
        return self._digester.files(module)

    def step_kinds(self) -> Mapping[str, tuple[str, str]]:
        """Return the scriptlets that are step types: name to (module, class).

        Those registered in ``scriptlets/plugins``, and the built-in ones whose name none of them has.
        """
        if self._kinds is None:
            from framework0.source.plugins import BUILTIN_SCRIPTLETS, plugin_kinds

            self._kinds = MappingProxyType({**BUILTIN_SCRIPTLETS, **plugin_kinds(self._library)})
        return self._kinds
