class step_node_b:
    def step_execute(self):
        return 0
