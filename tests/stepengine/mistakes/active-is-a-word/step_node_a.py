class step_node_a:
    step_node_graph_dict = {
        "step_node_a": {
            "active_node_step_bool": "yes",
        },
    }

    def step_execute(self):
        return 0
