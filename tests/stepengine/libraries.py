"""Libraries of step nodes for tests, written from a few words for each node."""

from __future__ import annotations

import json
from textwrap import dedent, indent

FILE = ".octo_step_engine_parameters.json"


def node_text(name, arrows=(), *, advance=None, execute="return 0", closed=(), **attributes):
    """The text of a plain node class. ``arrows`` maps keys to nodes; ``advance`` is a method's body."""
    ways = {
        key: {
            "module_name_string": to if to.startswith("step_node_") else f"step_node_{to}",
            "arrow_step_name_string": to,
            "dg_edge_attr_dict": {},
            "active_arrow_step_bool": 0 if key in closed else 1,
        }
        for key, to in dict(arrows).items()
    }
    own = {"module_name_string": f"step_node_{name}", "node_step_name_string": name, **attributes}
    text = (
        f"class step_node_{name}:\n"
        f"    step_node_graph_dict = {{\n        {name!r}: {own!r},\n    }}\n"
        f"    step_arrow_graph_dict = {{\n"
        + "".join(f"        {key!r}: {way!r},\n" for key, way in ways.items())
        + "    }\n\n    def step_execute(self):\n"
        + indent(dedent(execute).strip(), " " * 8)
        + "\n"
    )
    if advance is not None:
        text += "\n    def step_advance(self):\n" + indent(dedent(advance).strip(), " " * 8) + "\n"
    return text


def write_library(folder, *texts, **files):
    """Write node files: ``texts`` as :func:`node_text` gives them, ``files`` by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for text in texts:
        module = text.partition("class ")[2].partition(":")[0].partition("(")[0]
        (folder / f"{module}.py").write_text(text, encoding="utf-8")
    for name, text in files.items():
        (folder / f"{name}.py").write_text(dedent(text), encoding="utf-8")
    return folder


def write_instance(folder, library="", **parameters):
    """Write a parameter file that names a library; further values are global parameters."""
    folder.mkdir(parents=True, exist_ok=True)
    group = {"step_engine_library_path": str(library), **parameters}
    content = {"global_parameters": group}
    (folder / FILE).write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
    return folder
