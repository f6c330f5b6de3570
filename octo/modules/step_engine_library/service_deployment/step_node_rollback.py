"""Go back to the release that was live before."""

from __future__ import annotations

from step_node_switch import go_live

from framework0.stepengine import StepNode


class step_node_rollback(StepNode):
    """Makes the old release live again, and ends the machine with the error that led here."""

    name = "step_node_rollback"
    description = "makes the release before the live one again"

    step_node_graph_dict = {
        "step_node_rollback": {
            "module_name_string": "step_node_rollback",
            "node_step_name_string": "step_node_rollback",
            "dg_node_attr_dict": {"label": "roll back", "shape": "box", "color": "red"},
            "first_node_step_bool": 0,
            "active_node_step_bool": 1,
        },
    }

    def step_execute(self) -> int:
        go_live(self.shared["live_before"])
        return 0

    def step_exit(self) -> int:
        wanted, before = self.shared["wanted"], self.shared["live_before"]
        raise RuntimeError(f"{wanted} is not well, so {before} is live again")
