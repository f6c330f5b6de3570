"""A library and an instance for the tests of machines as runs."""

from __future__ import annotations

import pytest

from framework0.runner.machines import ProcessHost
from tests.stepengine.libraries import write_instance, write_library


@pytest.fixture
def instance(tmp_path):
    """The folder of an instance without anything in it."""
    return write_instance(tmp_path / "press")


@pytest.fixture
def host_of(tmp_path, instance):
    """Make a host of a library of these node files, or texts; all are closed with the test."""
    made = []

    def make(*texts, env=None, **files):
        library = write_library(tmp_path / "nodes", *texts, **files)
        printed = bytearray()
        host = ProcessHost(library, instance, printed=printed.extend, env=env)
        host.text = printed.decode
        made.append(host)
        return host

    yield make
    for host in made:
        host.close()
