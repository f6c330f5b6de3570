"""The deployment has succeeded."""

from __future__ import annotations

from framework0.stepengine import StepNode


class step_node_finish(StepNode):
    """Notes which release is live."""

    name = "step_node_finish"
    description = "notes what is live now"

    step_node_graph_dict = {
        "step_node_finish": {
            "module_name_string": "step_node_finish",
            "node_step_name_string": "step_node_finish",
            "dg_node_attr_dict": {"label": "finish", "shape": "oval"},
            "first_node_step_bool": 0,
            "active_node_step_bool": 1,
        },
    }

    step_node_results_dict_init = {"step_node_finish": {"live": ""}}

    def step_execute(self) -> int:
        self.results["live"] = self.shared["wanted"]
        print(f"{self.results['live']} is live")
        return 0
