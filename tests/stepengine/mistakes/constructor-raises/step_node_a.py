class step_node_a:
    def __init__(self, name, verbose_flag=False):
        self.limit = {}["limit"]

    def step_execute(self):
        return 0
