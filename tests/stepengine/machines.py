"""Machines for tests: nodes made from a few words, run by the engine in this process on a fake clock."""

from __future__ import annotations

import json

from framework0.stepengine import Engine, EngineOptions
from framework0.testing import FakeClock, FakeHost, FakeObserver

FILE = ".octo_step_engine_parameters.json"
METHODS = {
    "entry": "step_entry",
    "execute": "step_execute",
    "exit": "step_exit",
    "advance": "step_advance",
}


def node(
    name,
    arrows=None,
    *,
    params=None,
    results=None,
    entry=None,
    execute=0,
    leave=None,
    advance=None,
    **attributes,
):
    """Return the class of a node. What it does is a function of itself, or what it just returns."""
    done = {"entry": entry, "execute": execute, "exit": leave, "advance": advance}
    body = {
        "name": name,
        "step_node_graph_dict": {name: attributes},
        "step_arrow_graph_dict": {
            key: to if isinstance(to, dict) else {"arrow_step_name_string": to}
            for key, to in (arrows or {}).items()
        },
        "step_node_params_dict_init": {name: params} if params else {},
        "step_node_results_dict_init": {name: results} if results else {},
    }
    for word, what in done.items():
        if what is not None:
            body[METHODS[word]] = what if callable(what) else (lambda self, value=what: value)
    return type(name, (), body)


def closed(to):
    """Return an arrow to a node that is closed."""
    return {"arrow_step_name_string": to, "active_arrow_step_bool": 0}


def chain(*names, **last):
    """Return nodes each of which leads to the next."""
    return [
        node(name, {"next": to} if to else {}, first_node_step_bool=int(name == names[0]))
        for name, to in zip(names, (*names[1:], None), strict=True)
    ]


class Machine:
    """One instance in a folder, run as often as a test likes by engines of their own."""

    def __init__(self, folder, *classes):
        self.folder = folder
        self.classes = classes
        self.clock = FakeClock()
        self.host = self.observer = self.engine = None
        self.notices = []

    def engine_for(self, **options):
        self.host = FakeHost(*self.classes, instance=self.folder)
        self.observer = FakeObserver()
        self.engine = Engine(
            self.folder,
            self.host,
            observer=self.observer,
            clock=self.clock,
            options=EngineOptions(notice=self.notices.append, **options),
        )
        return self.engine

    def run(self, **options):
        return self.engine_for(**options).run()

    def resume(self, **options):
        return self.run(resume=True, **options)

    @property
    def story(self):
        return self.observer.story

    @property
    def calls(self):
        return [(call.node, call.method.removeprefix("step_")) for call in self.host.calls]

    @property
    def file(self):
        return json.loads((self.folder / FILE).read_text(encoding="utf-8"))

    @property
    def shown(self):
        return self.file["global_parameters"]

    @property
    def own(self):
        return self.file["step_engine"]

    def write(self, **groups):
        """Write into the parameter file as somebody does by hand."""
        path = self.folder / FILE
        document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        for name, values in groups.items():
            if isinstance(values, dict):
                document.setdefault(name, {}).update(values)
            else:
                document[name] = values
        path.write_text(json.dumps(document), encoding="utf-8")
