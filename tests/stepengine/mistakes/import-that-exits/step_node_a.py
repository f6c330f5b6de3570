import sys

sys.exit(3)


class step_node_a:
    def step_execute(self):
        return 0
