"""Pieces in the documented form, as somebody pastes them: with the indent of where they came from."""

INSTANCE = """
    from octo_step_engine_parameters import octo_step_engine_parameters

    params_obj = octo_step_engine_parameters()
    default_dict = params_obj.get_default_param_dict()
    param_file = params_obj.get_default_param_file_name()
    lock_file = params_obj.get_default_param_lock_file_name()

    dict_obj = params_obj.read_json_dict(default_dict, param_file, lock_file)

    params_obj.update_json_dict(
        default_dict, param_file, lock_file,
        "global_parameters", "step_engine_state", "STARTUP"
    )
    params_obj.update_json_dict(
        default_dict, param_file, lock_file,
        "global_parameters", "current_step_module", "step_node_heater"
    )
    params_obj.update_json_dict(
        default_dict, param_file, lock_file,
        "global_parameters", "current_step_node", "step_node_heater"
    )
    params_obj.update_json_dict(
        default_dict, param_file, lock_file,
        "global_parameters", "current_step_state", "ENTER"
    )
"""

SET_UP_AT_ENTRY = """
    def step_entry(self):
        self.params_obj.update_json_dict(
            self.default_dict, self.param_file, self.lock_file,
            "my_step", "initialized", True
        )
        return 0
"""

COUNT = """
    def step_execute(self):
        self.params_obj.increment_json_dict(
            self.default_dict, self.param_file, self.lock_file,
            "global_parameters", "run_step_count", True
        )
        return 0
"""

RESULT_AT_EXIT = """
    def step_exit(self):
        self.params_obj.update_json_dict(
            self.default_dict, self.param_file, self.lock_file,
            "my_step", "step_results_key_last_status", "SUCCESS"
        )
        return 0
"""

OWN_GROUP = """
    def step_execute(self):
        self.params_obj.update_json_dict(
            self.default_dict, self.param_file, self.lock_file,
            "my_custom_group", "custom_param", "custom_value"
        )
"""

ONLY_THREE_TIMES = """
    def step_execute(self):
        dict_obj = self.params_obj.read_json_dict(
            self.default_dict, self.param_file, self.lock_file
        )
        failures = dict_obj.get("my_step", {}).get("retry_count", 0)
        if failures < 3 and not self.do_work():
            self.params_obj.increment_json_dict(
                self.default_dict, self.param_file, self.lock_file,
                "my_step", "retry_count", True
            )
        return 0
"""

HAND_ON = """
    def step_exit(self):
        self.params_obj.update_json_dict(
            self.default_dict, self.param_file, self.lock_file,
            "shared_data", "water", "98 degrees"
        )
        return 0
"""

TAKE_OVER = """
    def step_entry(self):
        dict_obj = self.params_obj.read_json_dict(
            self.default_dict, self.param_file, self.lock_file
        )
        print("the water has", dict_obj.get("shared_data", {}).get("water", ""))
        return 0
"""

KEEP_THE_ERROR = """
    def step_execute(self):
      try:
          self.do_risky_operation()
          self.params_obj.update_json_dict(
              self.default_dict, self.param_file, self.lock_file,
              "my_step", "last_error", ""
          )
      except Exception as e:
          self.params_obj.update_json_dict(
              self.default_dict, self.param_file, self.lock_file,
              "my_step", "last_error", str(e)
          )
          return 1
      return 0
"""
