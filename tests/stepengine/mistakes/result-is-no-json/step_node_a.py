from framework0.stepengine import StepNode


class step_node_a(StepNode):
    def step_execute(self):
        self.results['file'] = open('step_node_a.py')
