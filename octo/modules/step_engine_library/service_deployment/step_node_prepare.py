"""The first node of a deployment: it looks for the release, and for the one that is live."""

from __future__ import annotations

from pathlib import Path

from framework0.stepengine import StepNode


class step_node_prepare(StepNode):
    """Notes the release that is wanted and the one to go back to."""

    name = "step_node_prepare"
    description = "looks for the release, and notes which one is live"

    step_node_graph_dict = {
        "step_node_prepare": {
            "module_name_string": "step_node_prepare",
            "node_step_name_string": "step_node_prepare",
            "dg_node_attr_dict": {"label": "prepare", "shape": "box"},
            "first_node_step_bool": 1,
            "active_node_step_bool": 1,
        },
    }

    step_arrow_graph_dict = {
        "prepared": {
            "module_name_string": "step_node_approve",
            "arrow_step_name_string": "step_node_approve",
            "dg_edge_attr_dict": {"label": "prepared"},
            "active_arrow_step_bool": 1,
        },
    }

    step_node_params_dict_init = {"step_node_prepare": {"release": "1.1"}}

    def step_entry(self) -> int:
        wanted = self.params["release"]
        if not Path("releases", wanted, "prices.json").is_file():
            there = ", ".join(sorted(found.name for found in Path("releases").iterdir()))
            raise FileNotFoundError(f"there is no release {wanted}: there are {there}")
        return 0

    def step_execute(self) -> int:
        self.shared["wanted"] = self.params["release"]
        self.shared["live_before"] = Path("live").read_text(encoding="utf-8").strip()
        self.shared["answer"] = ""
        return 0
