class step_node_a:
    def step_execute(self):
        return 1
