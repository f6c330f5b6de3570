"""Ask the service whether it is well, a few times, and decide between finishing and going back."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from framework0.stepengine import StepNode


class step_node_probe(StepNode):
    """Asks ``/health`` once per visit, and stays until it is well or has been asked ``most_asked`` times.

    A service that does not answer at all raises: the engine then tries again as ``retry`` says.
    """

    name = "step_node_probe"
    description = "asks the service for its health"

    step_node_graph_dict = {
        "step_node_probe": {
            "module_name_string": "step_node_probe",
            "node_step_name_string": "step_node_probe",
            "dg_node_attr_dict": {"label": "probe", "shape": "box"},
            "first_node_step_bool": 0,
            "active_node_step_bool": 1,
            "timeout": "5s",
            "retry": {"attempts": 3, "delay": 0.1, "backoff": 2},
            "max_visits": 20,
        },
    }

    step_arrow_graph_dict = {
        "well": {
            "module_name_string": "step_node_finish",
            "arrow_step_name_string": "step_node_finish",
            "dg_edge_attr_dict": {"label": "well", "color": "darkgreen"},
            "active_arrow_step_bool": 1,
        },
        "again": {
            "module_name_string": "step_node_probe",
            "arrow_step_name_string": "step_node_probe",
            "dg_edge_attr_dict": {"label": "again", "style": "dashed"},
            "active_arrow_step_bool": 1,
        },
        "ill": {
            "module_name_string": "step_node_rollback",
            "arrow_step_name_string": "step_node_rollback",
            "dg_edge_attr_dict": {"label": "ill", "color": "red"},
            "active_arrow_step_bool": 1,
        },
    }

    step_node_params_dict_init = {"step_node_probe": {"most_asked": 3, "pause_seconds": 0.05}}
    step_node_results_dict_init = {"step_node_probe": {"well": False, "trouble": ""}}

    def step_execute(self) -> int:
        if self.shared["asked"]:
            time.sleep(self.params["pause_seconds"])
        well, said = self.ask()
        asked = self.shared.increment("asked")
        self.results.update_all(well=well, trouble=said.get("trouble", ""))
        print(f"asked {asked} times: {said}")
        return 0

    def ask(self) -> tuple[bool, dict[str, str]]:
        """Return whether the service is well, and what it says; raises OSError if it says nothing."""
        port = Path("service.port").read_text(encoding="utf-8").strip()
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                return True, json.load(answer)
        except HTTPError as error:
            with error:
                return False, json.load(error)

    def step_advance(self) -> str:
        if self.results["well"]:
            return "well"
        return "ill" if self.shared["asked"] >= self.params["most_asked"] else "again"
