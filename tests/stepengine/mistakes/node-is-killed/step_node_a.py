import os
import signal


class step_node_a:
    def step_execute(self):
        os.kill(os.getpid(), signal.SIGKILL)
