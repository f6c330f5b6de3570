class step_node_a:
    step_node_graph_dict = {
        "step_node_a": {
            "node_entry_breakpoints": 1,
        },
    }

    def step_execute(self):
        return 0
