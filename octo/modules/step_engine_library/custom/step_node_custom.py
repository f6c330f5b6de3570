"""A node that counts how often it was executed, in the parameters of its instance."""

from __future__ import annotations

import os
import sys

# Needed when this file is run alone; the engine brings the modules along.
running_script_dir = os.path.dirname(os.path.abspath(__file__))
octo_modules_dir = os.path.join(running_script_dir, "..", "..", "..", "modules")
sys.path.append(octo_modules_dir)

from octo_step_engine_parameters import octo_step_engine_parameters


class step_node_custom:
    """Says in which state it was entered, and counts ``run_step_count`` up."""

    name = "step_node_custom"
    description = "Reads and changes parameters in each state of its life"

    def __init__(self, name: str, verbose_flag: bool = False) -> None:
        self.name = name
        self.verbose_flag = verbose_flag
        self.params_obj = octo_step_engine_parameters()
        self.place = (
            self.params_obj.get_default_param_dict(),
            self.params_obj.get_default_param_file_name(),
            self.params_obj.get_default_param_lock_file_name(),
        )

    def step_entry(self) -> int:
        found = self.params_obj.read_json_dict(*self.place)
        print(f"entered in the state {found['global_parameters']['current_step_state']}")
        return 0

    def step_execute(self) -> int:
        found = self.params_obj.increment_json_dict(
            *self.place, "global_parameters", "run_step_count", True
        )
        if self.verbose_flag:
            print(f"{self.name} has counted to {found['global_parameters']['run_step_count']}")
        return 0

    def step_exit(self) -> int:
        # Only told to whoever reads the file: under the engine, its next transition writes this too.
        self.params_obj.update_json_dict(
            *self.place, "global_parameters", "current_step_state", "ADVANCE"
        )
        return 0


if __name__ == "__main__":
    node = step_node_custom("step_node_custom", verbose_flag=True)
    raise SystemExit(node.step_entry() or node.step_execute() or node.step_exit())
