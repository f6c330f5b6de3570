class step_node_a:
    def step_execute(self):
        return 1 / self.share()

    def share(self):
        return 0
