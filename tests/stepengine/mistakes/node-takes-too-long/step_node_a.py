import time


class step_node_a:
    step_node_graph_dict = {
        "step_node_a": {
            "timeout": 0.2,
        },
    }

    def step_execute(self):
        time.sleep(60)
