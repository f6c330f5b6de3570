class step_node_a:
    step_node_graph_dict = {"step_node_a": "box"}

    def step_execute(self):
        return 0
