class step_node_a:
    name = 'step_node_a'
