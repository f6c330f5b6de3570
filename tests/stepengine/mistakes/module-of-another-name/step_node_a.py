class step_node_a:
    step_node_graph_dict = {
        "step_node_a": {
            "module_name_string": "step_node_b",
        },
    }

    def step_execute(self):
        return 0
