class step_node_a:
    step_arrow_graph_dict = {
        "again": {
            "module_name_string": "step_node_a",
            "arrow_step_name_string": "step_node_a",
            "active_arrow_step_bool": 1,
        },
    }

    def step_advance(self):
        return "again"

    def step_execute(self):
        return 0
