class step_node_a:
    def step_execute(self):
        raise SystemExit(3)
