class step_node_a:
    def step_entry(self):
        with open("order.json") as file:
            self.order = file.read()

    def step_execute(self):
        return 0
