"""One contract for the host that imports a library and for the fake that is given classes."""

from __future__ import annotations

import os
import threading
from inspect import getsource
from textwrap import dedent

import pytest

from framework0.errors import LibraryError
from framework0.stepengine import Call, Fault, InProcessHost
from framework0.testing import FakeHost


class Press:
    """Presses."""

    name = "press"

    step_node_graph_dict = {"press": {"first_node_step_bool": 1}}
    step_arrow_graph_dict = {"next": {"arrow_step_name_string": "press"}}
    step_node_params_dict_init = {"press": {"force": 3}}
    step_node_results_dict_init = {"press": {"pressed": 0}}

    def __init__(self, name, verbose_flag=False):
        self.name = name
        self.verbose_flag = verbose_flag
        self.calls = 0

    def step_entry(self):
        import os

        with open("told.txt", "a", encoding="utf-8") as file:
            print(os.environ["OCTO_STEP_VISIT"], os.environ["OCTO_STEP_ATTEMPT"], file=file)

    def step_execute(self):
        self.calls += 1
        return self.calls

    def step_exit(self):
        raise ValueError("stuck")

    def step_advance(self):
        return f"{self.name} {self.verbose_flag}"


class Odd:
    """Behaves oddly, and its constructor takes nothing."""

    name = "odd"

    def step_entry(self):
        return [1, 2]

    def step_execute(self):
        raise SystemExit(4)

    async def step_exit(self):
        return 0

    def step_advance(self):
        yield "next"


class Named:
    name = "named"

    def __init__(self, name):
        self.name = name

    def step_execute(self):
        return self.name


class Demanding:
    name = "demanding"

    def __init__(self, name, verbose_flag, more):
        self.more = more

    def step_execute(self):
        return 0


class Speechless:
    name = "speechless"

    def step_execute(self):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no words")

        raise Mute

    def step_exit(self):
        def deeper(depth):
            return deeper(depth + 1)

        deeper(0)


CLASSES = (Press, Odd, Named, Demanding, Speechless)


def real(tmp_path, *classes, verbose=False):
    folder = tmp_path / "library"
    folder.mkdir()
    for cls in classes:
        text = dedent(getsource(cls))
        (folder / f"step_node_{cls.name}.py").write_text(text, encoding="utf-8")
    instance = tmp_path / "instance"
    instance.mkdir()
    return InProcessHost(folder, instance, verbose)


def fake(tmp_path, *classes, verbose=False):
    (tmp_path / "instance").mkdir()
    return FakeHost(*classes, instance=tmp_path / "instance", verbose=verbose)


@pytest.fixture(params=[real, fake])
def opened(request, tmp_path):
    hosts = []

    def make(*classes, **options):
        hosts.append(request.param(tmp_path, *classes, **options))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


@pytest.fixture
def host(opened):
    made = opened(*CLASSES)
    made.describe()
    return made


def call(host, node, method, visit=1, attempt=1, timeout=None):
    return host.call(Call(node, f"step_node_{node}", method, visit, attempt, timeout))


def test_it_says_what_its_nodes_are(opened):
    facts = {one.name: one for one in opened(*CLASSES).describe()}
    assert set(facts) == {cls.name for cls in CLASSES}
    found = facts["press"]
    assert (found.class_name, found.description) == ("Press", "Presses.")
    assert found.attributes == {"first_node_step_bool": 1}
    assert found.arrows == {"next": {"arrow_step_name_string": "press"}}
    assert (found.params, found.results) == ({"press": {"force": 3}}, {"press": {"pressed": 0}})
    assert found.methods == ("step_entry", "step_execute", "step_exit", "step_advance")
    assert found.unknown == ()


def test_what_is_wrong_with_its_nodes_is_told(opened):
    class Broken:
        name = "broken"

        step_node_graph_dict = {"broken": {"timeout": "soon"}}

        def step_execute(self):
            return 0

    with pytest.raises(LibraryError, match="timeout of node broken"):
        opened(Broken).describe()


def test_a_call_answers_with_what_the_method_returned_and_how_long_it_took(host):
    answer = call(host, "press", "step_execute")
    assert (answer.value, answer.fault) == (1, None)
    assert answer.seconds >= 0


def test_an_object_lives_for_one_visit(host):
    assert [call(host, "press", "step_execute").value for _ in range(2)] == [1, 2]
    assert call(host, "press", "step_execute", visit=2).value == 1
    assert call(host, "named", "step_execute", visit=3).value == "named"


def test_a_node_is_called_in_the_instance_and_told_visit_and_attempt(host, tmp_path):
    here = os.getcwd()
    call(host, "press", "step_entry", visit=7, attempt=2)
    assert (tmp_path / "instance/told.txt").read_text(encoding="utf-8") == "7 2\n"
    assert os.getcwd() == here
    assert "OCTO_STEP_VISIT" not in os.environ


def test_what_the_environment_said_before_is_said_again_afterwards(host, monkeypatch):
    monkeypatch.setenv("OCTO_STEP_VISIT", "99")
    call(host, "press", "step_entry", visit=7)
    assert os.environ["OCTO_STEP_VISIT"] == "99"


@pytest.mark.parametrize("verbose", [True, False])
def test_a_constructor_gets_name_and_verbosity(opened, verbose):
    host = opened(Press, verbose=verbose)
    host.describe()
    assert call(host, "press", "step_advance").value == f"press {verbose}"


def test_an_exception_is_a_fault_with_its_place_in_the_node(host):
    fault = call(host, "press", "step_exit").fault
    assert (fault.kind, fault.message) == ("ValueError", "stuck")
    assert fault.where.rpartition("/")[2].startswith(("step_node_press.py:", "test_hosts.py:"))
    assert fault.trace.rstrip().endswith("ValueError: stuck")
    assert "inprocess.py" not in fault.trace


@pytest.mark.parametrize(
    ("node", "method", "kind", "told"),
    [
        ("odd", "step_entry", "return", "step_entry returned a list; 0, or nothing,"),
        ("odd", "step_execute", "SystemExit", "called sys.exit(4)"),
        ("odd", "step_exit", "return", "returned a coroutine"),
        ("odd", "step_advance", "return", "returned a generator; the key of an arrow"),
        ("demanding", "step_execute", "TypeError", "a node's constructor takes (name, verbose"),
        ("speechless", "step_execute", "Mute", "(its message could not be made)"),
        ("speechless", "step_exit", "RecursionError", "maximum recursion depth"),
    ],
)
def test_whatever_a_node_does_wrong_is_a_fault(host, node, method, kind, told):
    fault = call(host, node, method).fault
    assert fault.kind == kind
    assert told in fault.message


def test_a_call_that_took_too_long_is_a_fault(host):
    fault = call(host, "press", "step_execute", timeout=1e-9).fault
    assert fault.kind == "timeout"
    assert "longer than its timeout of 1e-09 s" in fault.message


def test_an_interrupt_is_nobodys_fault_and_goes_on(opened):
    class Stopped:
        name = "stopped"

        def step_execute(self):
            raise KeyboardInterrupt

    host = opened(Stopped)
    host.describe()
    with pytest.raises(KeyboardInterrupt):
        call(host, "stopped", "step_execute")


def test_after_a_stop_no_call_is_made(host):
    thread = threading.Thread(target=host.stop)
    thread.start()
    thread.join()
    answer = call(host, "press", "step_execute")
    assert (answer.value, answer.fault) == (
        None,
        Fault("cancelled", "the machine was told to stop"),
    )


def test_the_fake_remembers_its_calls(tmp_path):
    host = fake(tmp_path, Press)
    host.describe()
    call(host, "press", "step_execute")
    assert host.calls == [Call("press", "step_node_press", "step_execute", 1, 1, None)]
