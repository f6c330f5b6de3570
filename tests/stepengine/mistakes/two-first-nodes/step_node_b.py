class step_node_b:
    step_node_graph_dict = {
        "step_node_b": {
            "first_node_step_bool": 1,
        },
    }

    def step_execute(self):
        return 0
