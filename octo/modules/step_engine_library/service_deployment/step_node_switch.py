"""Make the new release the live one."""

from __future__ import annotations

import os
from pathlib import Path

from framework0.stepengine import StepNode


class step_node_switch(StepNode):
    """Writes the release into the file ``live``; doing it twice changes nothing more."""

    name = "step_node_switch"
    description = "makes the release the live one"

    step_node_graph_dict = {
        "step_node_switch": {
            "module_name_string": "step_node_switch",
            "node_step_name_string": "step_node_switch",
            "dg_node_attr_dict": {"label": "switch", "shape": "box"},
            "first_node_step_bool": 0,
            "active_node_step_bool": 1,
        },
    }

    step_arrow_graph_dict = {
        "switched": {
            "module_name_string": "step_node_probe",
            "arrow_step_name_string": "step_node_probe",
            "dg_edge_attr_dict": {"label": "switched"},
            "active_arrow_step_bool": 1,
        },
    }

    def step_execute(self) -> int:
        go_live(self.shared["wanted"])
        self.shared["asked"] = 0
        return 0


def go_live(release: str) -> None:
    """Write the name of the live release, in one piece."""
    draft = Path("live.draft")
    draft.write_text(f"{release}\n", encoding="utf-8")
    os.replace(draft, "live")
