"""Where the state machine goes when its work is done."""

from __future__ import annotations

from octo_step_engine_parameters import octo_step_engine_parameters


class step_node_next:
    """Tells how many executions the work before has taken."""

    name = "step_node_next"

    def __init__(self, name: str, verbose_flag: bool = False) -> None:
        self.name = name
        self.verbose_flag = verbose_flag
        self.params_obj = octo_step_engine_parameters()

    def step_execute(self) -> int:
        found = self.params_obj.read_json_dict(
            self.params_obj.get_default_param_dict(),
            self.params_obj.get_default_param_file_name(),
            self.params_obj.get_default_param_lock_file_name(),
        )
        work = found["step_node_statemachine"]
        print(f"done in {work['execution_count']} executions, {work['retry_count']} of them failed")
        return 0
