class step_node_c:
    def step_execute(self):
        return 0
