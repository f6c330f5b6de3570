class step_node_a:
    def __init__(self, name, verbose_flag, port):
        self.port = port

    def step_execute(self):
        return 0
