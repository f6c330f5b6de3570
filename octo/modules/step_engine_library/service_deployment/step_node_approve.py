"""A person says whether the deployment goes on: the machine pauses here, and nothing runs meanwhile."""

from __future__ import annotations

from framework0.stepengine import StepNode


class step_node_approve(StepNode):
    """Pauses at its exit, and goes where ``shared_data.answer`` leads: yes, no, or here again."""

    name = "step_node_approve"
    description = "waits for a person's yes or no"

    step_node_graph_dict = {
        "step_node_approve": {
            "module_name_string": "step_node_approve",
            "node_step_name_string": "step_node_approve",
            "dg_node_attr_dict": {"label": "approve", "shape": "diamond"},
            "first_node_step_bool": 0,
            "active_node_step_bool": 1,
            "node_entry_breakpoint": 0,
            "node_exit_breakpoint": 1,
        },
    }

    step_arrow_graph_dict = {
        "yes": {
            "module_name_string": "step_node_switch",
            "arrow_step_name_string": "step_node_switch",
            "dg_edge_attr_dict": {"label": "yes"},
            "active_arrow_step_bool": 1,
        },
        "ask_again": {
            "module_name_string": "step_node_approve",
            "arrow_step_name_string": "step_node_approve",
            "dg_edge_attr_dict": {"label": "no answer", "style": "dashed"},
            "active_arrow_step_bool": 1,
        },
    }

    def step_execute(self) -> int:
        print(f"{self.shared['wanted']} is to take the place of {self.shared['live_before']}")
        return 0

    def step_advance(self) -> str:
        answer = self.shared.get("answer")
        if answer == "yes":
            return "yes"
        return "COMPLETE" if answer == "no" else "ask_again"
