"""Pattern, second half: a node uses what another one has left."""

from __future__ import annotations

from pathlib import Path

from octo_step_engine_parameters import octo_step_engine_parameters


class step_node_use:
    """Reads ``shared_data.order_total`` when it is entered, and writes an invoice."""

    name = "step_node_use"

    step_arrow_graph_dict = {
        "written": {
            "module_name_string": "step_node_tracked",
            "arrow_step_name_string": "step_node_tracked",
            "dg_edge_attr_dict": {"label": "invoice.txt"},
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

    def order_total(self) -> float | None:
        """Return what the node before has left, None if it has not."""
        shared = self.params_obj.read_json_dict(*self.place).get("shared_data", {})
        return shared.get("order_total")

    def step_entry(self) -> int:
        total = self.order_total()
        if total is None:
            print("there is no order_total: run step_node_store first")
            return 1
        print(f"the order comes to {total}")
        return 0

    def step_execute(self) -> int:
        Path("invoice.txt").write_text(f"to pay: {self.order_total()}\n", encoding="utf-8")
        return 0
