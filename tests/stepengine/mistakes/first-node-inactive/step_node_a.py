class step_node_a:
    step_node_graph_dict = {
        "step_node_a": {
            "first_node_step_bool": 1,
            "active_node_step_bool": 0,
        },
    }

    step_arrow_graph_dict = {
        "go": {
            "module_name_string": "step_node_b",
            "arrow_step_name_string": "step_node_b",
            "active_arrow_step_bool": 1,
        },
    }

    def step_execute(self):
        return 0
