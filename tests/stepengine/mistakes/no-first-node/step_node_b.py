class step_node_b:
    step_arrow_graph_dict = {
        "go": {
            "module_name_string": "step_node_a",
            "arrow_step_name_string": "step_node_a",
            "active_arrow_step_bool": 1,
        },
    }

    def step_execute(self):
        return 0
