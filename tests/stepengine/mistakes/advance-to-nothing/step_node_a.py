from framework0.stepengine import StepNode


class step_node_a(StepNode):
    def step_execute(self):
        print('where to?')

    def step_advance(self):
        return self.advance_to('step_node_bb')
