"""Pattern, first half: a node leaves a value for those that come after it."""

from __future__ import annotations

import json
from pathlib import Path

from octo_step_engine_parameters import octo_step_engine_parameters


class step_node_store:
    """Adds up ``order.json`` and leaves the sum in ``shared_data.order_total``."""

    name = "step_node_store"

    step_arrow_graph_dict = {
        "stored": {
            "module_name_string": "step_node_use",
            "arrow_step_name_string": "step_node_use",
            "dg_edge_attr_dict": {"label": "order_total"},
            "active_arrow_step_bool": 1,
        },
    }

    def __init__(self, name: str, verbose_flag: bool = False) -> None:
        self.name = name
        self.verbose_flag = verbose_flag
        self.params_obj = octo_step_engine_parameters()
        self.place = (
            self.params_obj.get_default_param_dict(),
            self.params_obj.get_default_param_file_name(),
            self.params_obj.get_default_param_lock_file_name(),
        )

    def step_execute(self) -> int:
        order = json.loads(Path("order.json").read_text(encoding="utf-8"))
        self.params_obj.update_json_dict(
            *self.place, "step_node_store", "total", sum(order.values())
        )
        return 0

    def step_exit(self) -> int:
        # From the file, not from an attribute: after a kill, another process may call this.
        group = self.params_obj.read_json_dict(*self.place)["step_node_store"]
        self.params_obj.update_json_dict(*self.place, "shared_data", "order_total", group["total"])
        return 0
