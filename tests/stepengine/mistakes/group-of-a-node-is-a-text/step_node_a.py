class step_node_a:
    step_node_params_dict_init = {"step_node_a": {"port": 8080}}

    def step_execute(self):
        return 0
