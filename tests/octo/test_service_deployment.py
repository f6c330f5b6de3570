"""A real service is deployed by a machine, with a person's approval, a check of its health and a way back."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.octo.conftest import LIBRARIES

pytestmark = pytest.mark.slow

LIBRARY = LIBRARIES / "service_deployment"
STARTING = 120
"""Seconds for a service to listen, on a machine that is busy with something else."""


class Shop:
    """The service of one instance, and the machine that deploys it."""

    def __init__(self, instance):
        self.instance = instance
        self.folder = instance.folder
        self.place = socket.socket()
        self.service = subprocess.Popen([sys.executable, LIBRARY / "service.py", self.folder])
        until = time.monotonic() + STARTING
        while not (self.folder / "service.port").exists():
            assert self.service.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)

    def end(self):
        self.service.terminate()
        self.service.wait(timeout=120)
        self.place.close()

    def go_away(self):
        """End the service, and keep its port from everybody else: who asks there is refused."""
        self.service.terminate()
        self.service.wait(timeout=120)
        self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.place.bind(("127.0.0.1", self.port()))

    def port(self):
        return int((self.folder / "service.port").read_text(encoding="ascii"))

    def ask(self, path="/health"):
        try:
            with urlopen(f"http://127.0.0.1:{self.port()}{path}", timeout=120) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    def run_to_the_question(self, release="1.1"):
        self.instance.set("step_node_prepare", "release", release)
        return self.instance.step("run", "--library", LIBRARY, code=6)

    def answer(self, answer, code=0):
        self.instance.set("shared_data", "answer", answer)
        return self.instance.step("resume", code=code)

    def state(self):
        return self.instance.read()["global_parameters"]["step_engine_state"]

    def visits(self):
        return self.instance.read()["step_engine"]["visits"]


@pytest.fixture
def shop(instance):
    shop = Shop(instance("service_deployment"))
    yield shop
    shop.end()


def test_nothing_changes_before_a_person_has_said_yes(shop):
    asked = shop.run_to_the_question()
    assert "framework0 step resume" in asked.stdout + asked.stderr
    assert shop.ask() == (200, {"release": "1.0"})
    shop.answer("yes")
    assert shop.state() == "COMPLETE_SUCCESS"
    assert shop.ask() == (200, {"release": "1.1"})
    assert shop.ask("/prices")[1]["eggs"] == 3.2
    assert shop.instance.read()["step_node_finish"] == {"live": "1.1"}


def test_no_ends_the_machine_and_leaves_the_service_as_it_was(shop):
    shop.run_to_the_question()
    shop.answer("no")
    assert shop.state() == "COMPLETE_SUCCESS"
    assert shop.ask() == (200, {"release": "1.0"})
    assert "step_node_switch" not in shop.visits()


def test_without_an_answer_it_asks_again(shop):
    shop.run_to_the_question()
    shop.answer("maybe", code=6)
    assert shop.visits()["step_node_approve"] == 2
    shop.answer("yes")
    assert shop.ask() == (200, {"release": "1.1"})


def test_a_release_that_is_not_well_is_taken_back_after_three_looks(shop):
    shop.run_to_the_question("1.2")
    ended = shop.answer("yes", code=1)
    assert "1.2 is not well, so 1.0 is live again" in ended.stderr
    assert shop.visits()["step_node_probe"] == 3
    assert shop.instance.read()["step_node_probe"]["trouble"] == "eggs costs '3,20'"
    assert shop.ask() == (200, {"release": "1.0"})


def test_a_service_that_is_away_is_asked_again_and_then_the_machine_says_so(shop):
    shop.run_to_the_question()
    shop.go_away()
    ended = shop.answer("yes", code=1)
    assert "step_node_probe" in ended.stderr
    error = shop.instance.read()["step_engine"]["last_error"]
    assert (error["node"], error["state"], error["kind"]) == (
        "step_node_probe",
        "EXECUTE",
        "URLError",
    )
    assert shop.instance.read()["step_engine"]["attempt"] == 3


def test_a_machine_whose_service_came_back_goes_on_where_it_failed(shop):
    shop.run_to_the_question()
    shop.go_away()
    shop.answer("yes", code=1)
    (shop.folder / "service.port").unlink()
    back = Shop(shop.instance)
    try:
        shop.instance.step("resume")
        assert shop.visits()["step_node_switch"] == 1
        assert back.ask() == (200, {"release": "1.1"})
    finally:
        back.end()


def test_a_release_that_is_not_there_is_refused_with_those_that_are(shop):
    shop.instance.set("step_node_prepare", "release", "2.0")
    ended = shop.instance.step("run", "--library", LIBRARY, code=1)
    assert "there is no release 2.0: there are 1.0, 1.1, 1.2" in ended.stderr


def test_the_service_says_why_it_is_not_well_and_what_can_be_asked(shop):
    (shop.folder / "live").write_text("1.2\n", encoding="utf-8")
    assert shop.ask() == (503, {"release": "1.2", "trouble": "eggs costs '3,20'"})
    assert shop.ask("/nothing") == (404, {"trouble": "there are /prices and /health"})
