from __future__ import annotations

from framework0.scriptlets import discover, unregister
from framework0.source import Sources, builtin_scriptlets

PLUGINS = """
from scriptlets.framework import *
import framework0.scriptlets as f

@register_scriptlet
class LoaderScriptlet(BaseScriptlet):
    def run(self, context, params): ...

@register_scriptlet(name="csv_loader", version="2.0")
class Another(BaseScriptlet):
    def run(self, context, params): ...

@f.register_scriptlet()
class Named(BaseScriptlet):
    name = "by_body"
    def run(self, context, params): ...

class Quiet(BaseScriptlet):
    def run(self, context, params): ...

def plain(): ...
"""

KINDS = {"loader": "LoaderScriptlet", "csv_loader": "Another", "by_body": "Named"}


def own(sources):
    """Return the kinds that do not come with the product."""
    return dict(sources.step_kinds().items() - builtin_scriptlets().items())


def test_registered_classes_are_found_without_importing(tree):
    tree.file("scriptlets/plugins/set.py", "import os\nif FATAL: os.abort()\n" + PLUGINS)
    assert own(tree.sources) == {
        name: ("scriptlets.plugins.set", cls) for name, cls in KINDS.items()
    }


def test_the_names_are_those_that_registering_gives(tree):
    tree.file("scriptlets/plugins/set.py", PLUGINS)
    found = discover([tree.root], entry_points=False)
    try:
        real = {
            name: entry.cls.__name__
            for name, entry in found.items()
            if entry.cls.__module__ == "scriptlets.plugins.set"
        }
    finally:
        for name in KINDS:
            unregister(name)
    assert real == KINDS
    assert {name: cls for name, (_, cls) in own(tree.sources).items()} == real


def test_computed_names_broken_files_and_other_files_are_left_out(tree):
    tree.file("scriptlets/plugins/broken.py", "def (")
    tree.file("scriptlets/plugins/_hidden.py", PLUGINS)
    tree.file("scriptlets/plugins/not-a-name.py", PLUGINS)
    tree.file("scriptlets/plugins/notes.txt", "")
    tree.file(
        "scriptlets/plugins/computed.py",
        """
        @register_scriptlet(name=make())
        class A(BaseScriptlet): ...
        @register_scriptlet
        class B(BaseScriptlet):
            name = make()
        @register_scriptlet(name=None)
        class C(BaseScriptlet):
            name = ""
        @other
        class D(BaseScriptlet): ...
        """,
    )
    assert own(tree.sources) == {"c": ("scriptlets.plugins.computed", "C")}


def test_the_first_place_keeps_a_name(tree):
    tree.file(
        "a/scriptlets/plugins/one.py",
        "@register_scriptlet(name='k')\nclass A(BaseScriptlet): ...\n",
    )
    tree.file(
        "b/scriptlets/plugins/one.py",
        "@register_scriptlet(name='q')\nclass B(BaseScriptlet): ...\n",
    )
    sources = Sources([tree.root / "a", tree.root / "b"])
    assert own(sources) == {"k": ("scriptlets.plugins.one", "A")}


def test_no_plugins_folder_means_the_built_in_kinds_alone(tree):
    sources = tree.sources
    assert dict(sources.step_kinds()) == dict(builtin_scriptlets())
    assert sources.step_kinds() is sources.step_kinds()
