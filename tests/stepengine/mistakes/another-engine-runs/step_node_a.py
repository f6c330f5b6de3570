class step_node_a:
    def step_execute(self):
        # Both are pipes: the first tells that this is running, the second that it may end.
        with open("ready", "w") as ready:
            ready.write("now")
        with open("gate") as gate:
            gate.read()
