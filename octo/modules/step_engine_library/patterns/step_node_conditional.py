"""Pattern: a node does its work only while it has not failed too often."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

# Needed when this file is run alone; the engine brings the modules along.
running_script_dir = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(running_script_dir, "..", "..", "..", "modules"))

from octo_step_engine_parameters import octo_step_engine_parameters

MOST_FAILURES = 3


class step_node_conditional:
    """Looks for ``order.json``, at most three times; then it lets the machine end."""

    name = "step_node_conditional"

    step_node_graph_dict = {
        "step_node_conditional": {
            "module_name_string": "step_node_conditional",
            "node_step_name_string": "step_node_conditional",
            "dg_node_attr_dict": {"label": "is there an order?", "shape": "diamond"},
            "first_node_step_bool": 1,
            "active_node_step_bool": 1,
        },
    }

    step_arrow_graph_dict = {
        "found": {
            "module_name_string": "step_node_store",
            "arrow_step_name_string": "step_node_store",
            "dg_edge_attr_dict": {"label": "found"},
            "active_arrow_step_bool": 1,
        },
        "look_again": {
            "module_name_string": "step_node_conditional",
            "arrow_step_name_string": "step_node_conditional",
            "dg_edge_attr_dict": {"label": "look again", "style": "dashed"},
            "active_arrow_step_bool": 1,
        },
    }

    step_node_params_dict_init = {"step_node_conditional": {"retry_count": 0}}
    step_node_results_dict_init = {"step_node_conditional": {"found": False}}

    def __init__(self, name: str, verbose_flag: bool = False) -> None:
        self.name = name
        self.verbose_flag = verbose_flag
        self.params_obj = octo_step_engine_parameters()
        self.place = (
            self.params_obj.get_default_param_dict(),
            self.params_obj.get_default_param_file_name(),
            self.params_obj.get_default_param_lock_file_name(),
        )

    def do_work(self) -> bool:
        """Tell whether there is an order that can be read."""
        try:
            return isinstance(json.loads(Path("order.json").read_text(encoding="utf-8")), dict)
        except (OSError, ValueError):
            return False

    def step_execute(self) -> int:
        group = self.params_obj.read_json_dict(*self.place).get(self.name, {})
        if group.get("retry_count", 0) < MOST_FAILURES:
            success = self.do_work()
            self.params_obj.update_json_dict(*self.place, self.name, "found", success)
            if not success:
                self.params_obj.increment_json_dict(*self.place, self.name, "retry_count", True)
        return 0

    def step_advance(self) -> str:
        group = self.params_obj.read_json_dict(*self.place).get(self.name, {})
        if group.get("found"):
            return "found"
        return "look_again" if group.get("retry_count", 0) < MOST_FAILURES else "COMPLETE"


if __name__ == "__main__":
    node = step_node_conditional("step_node_conditional")
    node.step_execute()
    print(node.step_advance())
