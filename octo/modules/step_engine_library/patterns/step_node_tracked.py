"""Pattern: a node keeps what went wrong, where people and scripts find it."""

from __future__ import annotations

import json
from pathlib import Path

from octo_step_engine_parameters import octo_step_engine_parameters


class step_node_tracked:
    """Compares ``payment.json`` with the total of the order; a trouble stands in ``last_error``."""

    name = "step_node_tracked"

    step_node_params_dict_init = {"step_node_tracked": {"last_error": ""}}

    def __init__(self, name: str, verbose_flag: bool = False) -> None:
        self.name = name
        self.verbose_flag = verbose_flag
        self.params_obj = octo_step_engine_parameters()
        self.place = (
            self.params_obj.get_default_param_dict(),
            self.params_obj.get_default_param_file_name(),
            self.params_obj.get_default_param_lock_file_name(),
        )

    def do_risky_operation(self) -> None:
        """Raise unless exactly what is owed was paid."""
        owed = self.params_obj.read_json_dict(*self.place)["shared_data"]["order_total"]
        paid = json.loads(Path("payment.json").read_text(encoding="utf-8"))["amount"]
        if paid != owed:
            raise ValueError(f"{paid} was paid where {owed} is owed")

    def step_execute(self) -> int:
        trouble = ""
        try:
            self.do_risky_operation()
        except Exception as error:  # noqa: BLE001 (whatever goes wrong is to be kept)
            trouble = f"{type(error).__name__}: {error}"
        self.params_obj.update_json_dict(*self.place, self.name, "last_error", trouble)
        return 1 if trouble else 0
