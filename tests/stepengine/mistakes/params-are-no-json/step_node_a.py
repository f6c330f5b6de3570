class step_node_a:
    step_node_params_dict_init = {"step_node_a": {"ports": {8080, 8081}}}

    def step_execute(self):
        return 0
