from framework0.stepengine import StepNode


class step_node_a(StepNode):
    step_node_params_dict_init = {'step_node_a': {'port': 8080}}

    def step_execute(self):
        print(self.params['prot'])
