class step_node_a:
    step_node_graph_dict = {
        "step_node_a": {
            "timeout": "soon",
        },
    }

    def step_execute(self):
        return 0
