class step_node_a:
    step_node_graph_dict = {
        "step_node_a": {
            "retry": {"attempts": 3},
        },
    }

    def step_execute(self):
        return 7
