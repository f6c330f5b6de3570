class step_node_a:
    def step_entry(self):
        return 1

    def step_execute(self):
        return 0
