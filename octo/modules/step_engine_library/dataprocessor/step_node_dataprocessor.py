"""A node that reads a CSV file of deliveries and writes a summary, counting the records as it goes."""

from __future__ import annotations

import csv
import json
import os
import sys
from typing import Any

# Needed when this file is run alone; the engine brings the modules along.
running_script_dir = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(running_script_dir, "..", "..", "..", "modules"))

from octo_step_engine_parameters import octo_step_engine_parameters

GROUP = "step_node_dataprocessor"


class step_node_dataprocessor:
    """Reads ``input_file``, and writes the deliveries and mean minutes of each region.

    File names are as seen from the instance's folder. ``processed_records`` grows while it works, so
    that whoever reads the parameter file sees how far it is. A record without minutes is counted as
    incomplete; one that cannot be read ends it with ``last_error``, and no summary is written.
    """

    name = "step_node_dataprocessor"

    step_node_params_dict_init = {
        "step_node_dataprocessor": {
            "input_file": "deliveries.csv",
            "output_file": "by_region.json",
            "processed_records": 0,
            "incomplete_records": 0,
            "total_records": 0,
            "last_error": "",
        },
    }

    def __init__(self, name: str, verbose_flag: bool = False) -> None:
        self.name = name
        self.verbose_flag = verbose_flag
        self.params_obj = octo_step_engine_parameters()
        # Alone there is no engine that puts these in.
        self.place = (
            self.params_obj.get_default_param_dict() | self.step_node_params_dict_init,
            self.params_obj.get_default_param_file_name(),
            self.params_obj.get_default_param_lock_file_name(),
        )

    def group(self) -> dict[str, Any]:
        """Return this node's parameters as they are now."""
        return self.params_obj.read_json_dict(*self.place)[GROUP]

    def put(self, key: str, value: Any) -> None:
        """Set one of this node's parameters."""
        self.params_obj.update_json_dict(*self.place, GROUP, key, value)

    def count(self, key: str) -> None:
        """Count one of this node's parameters up by one."""
        self.params_obj.increment_json_dict(*self.place, GROUP, key, True)

    def step_entry(self) -> int:
        source = self.group()["input_file"]
        if os.path.isfile(source):
            self.put("last_error", "")
            return 0
        self.put("last_error", f"there is no {source} in {os.getcwd()}")
        return 1

    def step_execute(self) -> int:
        now = self.group()
        # Killed in the middle, this is done again from the start: so is the count.
        self.put("processed_records", 0)
        self.put("incomplete_records", 0)
        with open(now["input_file"], encoding="utf-8-sig", newline="") as file:
            records = list(csv.DictReader(file))
        self.put("total_records", len(records))
        regions: dict[str, list[float]] = {}
        for number, record in enumerate(records, 1):
            try:
                if record["minutes"]:
                    regions.setdefault(record["region"], []).append(float(record["minutes"]))
                else:
                    self.count("incomplete_records")
            except (KeyError, TypeError, ValueError) as error:
                self.put("last_error", f"{now['input_file']}:{number + 1}: {error!r}")
                return 1
            self.count("processed_records")
            if self.verbose_flag and number % 10 == 0:
                print(f"{number} of {len(records)} records")
        write_whole(now["output_file"], summary(regions))
        return 0

    def step_exit(self) -> int:
        now = self.group()
        print(
            f"{now['processed_records']} of {now['total_records']} records processed, "
            f"{now['incomplete_records']} of them incomplete"
        )
        return 0


def summary(regions: dict[str, list[float]]) -> dict[str, Any]:
    """Return the count and the mean of each region's minutes."""
    return {
        region: {"deliveries": len(minutes), "mean_minutes": round(sum(minutes) / len(minutes), 1)}
        for region, minutes in sorted(regions.items())
    }


def write_whole(path: str, content: dict[str, Any]) -> None:
    """Write JSON so that a reader sees the old file or the new one, and never half of it."""
    draft = f"{path}.draft"
    with open(draft, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=4)
        file.write("\n")
    os.replace(draft, path)


if __name__ == "__main__":
    node = step_node_dataprocessor("step_node_dataprocessor", verbose_flag=True)
    raise SystemExit(node.step_entry() or node.step_execute() or node.step_exit())
