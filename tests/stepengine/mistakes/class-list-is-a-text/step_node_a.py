class step_node_a:
    def step_execute(self):
        return 0


step_node_class_list = "step_node_a"
