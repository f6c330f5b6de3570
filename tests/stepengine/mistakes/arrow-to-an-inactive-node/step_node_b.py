class step_node_b:
    step_node_graph_dict = {
        "step_node_b": {
            "active_node_step_bool": 0,
        },
    }

    def step_execute(self):
        return 0
