"""A state machine within one node: it stays in itself until its work is done or was tried enough."""

from __future__ import annotations

import os
import random
import sys
from typing import Any

# Needed when this file is run alone; the engine brings the modules along.
running_script_dir = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(running_script_dir, "..", "..", "..", "modules"))

from octo_step_engine_parameters import octo_step_engine_parameters

GROUP = "step_node_statemachine"


class step_node_statemachine:
    """Goes from INIT over PROCESSING to COMPLETE, or to ERROR after ``max_retries`` failures.

    Each visit does what its mode says. Whether the work of a visit succeeds follows from ``seed`` and
    the number of failures so far, so that a run can be repeated, and a visit that is done again
    after a kill ends as it did before.
    """

    name = "step_node_statemachine"

    step_node_graph_dict = {
        "step_node_statemachine": {
            "module_name_string": "step_node_statemachine",
            "node_step_name_string": "step_node_statemachine",
            "dg_node_attr_dict": {"label": "work, with retries", "shape": "box"},
            "first_node_step_bool": 1,
            "active_node_step_bool": 1,
            "node_entry_breakpoint": 0,
            "node_exit_breakpoint": 0,
        },
    }

    step_arrow_graph_dict = {
        "next_step": {
            "module_name_string": "step_node_next",
            "arrow_step_name_string": "step_node_next",
            "dg_edge_attr_dict": {"label": "done"},
            "active_arrow_step_bool": 1,
        },
    }

    step_node_params_dict_init = {
        "step_node_statemachine": {
            "state_machine_mode": "INIT",
            "retry_count": 0,
            "max_retries": 3,
            "seed": 2,
        },
    }

    step_node_results_dict_init = {
        "step_node_statemachine": {
            "step_results_key_last_status": "",
            "execution_count": 0,
        },
    }

    def __init__(self, name: str, verbose_flag: bool = False) -> None:
        self.name = name
        self.verbose_flag = verbose_flag
        self.params_obj = octo_step_engine_parameters()
        defaults = self.params_obj.get_default_param_dict()
        # Alone there is no engine that puts these in.
        defaults[GROUP] = (
            self.step_node_params_dict_init[GROUP] | self.step_node_results_dict_init[GROUP]
        )
        self.place = (
            defaults,
            self.params_obj.get_default_param_file_name(),
            self.params_obj.get_default_param_lock_file_name(),
        )

    def group(self) -> dict[str, Any]:
        """Return this node's parameters as they are now."""
        return self.params_obj.read_json_dict(*self.place)[GROUP]

    def put(self, key: str, value: Any) -> None:
        """Set one of this node's parameters."""
        self.params_obj.update_json_dict(*self.place, GROUP, key, value)

    def step_entry(self) -> int:
        if self.verbose_flag:
            print(f"{self.name} is entered in the mode {self.group()['state_machine_mode']}")
        return 0

    def step_execute(self) -> int:
        now = self.group()
        mode = now["state_machine_mode"]
        print(f"mode {mode}, {now['retry_count']} failures so far")
        if mode == "INIT":
            self.put("state_machine_mode", "PROCESSING")
        elif mode == "PROCESSING":
            self.work(now)
        self.params_obj.increment_json_dict(*self.place, GROUP, "execution_count", True)
        self.params_obj.increment_json_dict(
            *self.place, "global_parameters", "run_step_count", True
        )
        return 0

    def work(self, now: dict[str, Any]) -> None:
        """Do the work once, and note how it went."""
        failures = now["retry_count"]
        if random.Random(f"{now['seed']}:{failures}").choice([True, False]):  # noqa: S311
            self.put("state_machine_mode", "COMPLETE")
            return
        self.put("retry_count", failures + 1)
        if failures + 1 >= now["max_retries"]:
            self.put("state_machine_mode", "ERROR")

    def step_exit(self) -> int:
        mode = self.group()["state_machine_mode"]
        self.put("step_results_key_last_status", mode)
        if mode == "ERROR":
            print("given up: it has failed as often as it may")
            return 1
        return 0

    def step_advance(self) -> str:
        if self.group()["state_machine_mode"] == "COMPLETE":
            return "next_step"
        # No arrow has this key, so it leads to the node that it names: this one, for another visit.
        return "step_arrow_graph_list_key_step_node_statemachine"


if __name__ == "__main__":
    node = step_node_statemachine("step_node_statemachine", verbose_flag=True)
    while True:
        if node.step_entry() or node.step_execute() or node.step_exit():
            raise SystemExit(1)
        if node.step_advance() == "next_step":
            break
