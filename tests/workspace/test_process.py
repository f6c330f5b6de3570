from __future__ import annotations

import os
import subprocess
import sys

import psutil

from framework0.workspace import is_alive, started_at, this_process
from framework0.workspace import process as process_module


def test_a_living_process_is_alive_and_its_namesakes_are_not():
    who = this_process()
    assert is_alive(who)
    assert not is_alive(who._replace(started=who.started - 1))
    assert not is_alive(who._replace(host="elsewhere"))
    assert not is_alive(who._replace(boot="another boot"))


def test_an_ended_process_is_not_alive():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    who = this_process()._replace(pid=child.pid, started=started_at(child.pid))
    assert is_alive(who)
    child.communicate(b"\n")
    assert started_at(child.pid) is None
    assert not is_alive(who)


def test_a_name_with_spaces_and_brackets_does_not_confuse(tmp_path):
    program = tmp_path / "a) b ("
    program.symlink_to(sys.executable)
    child = subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        ticks = os.sysconf("SC_CLK_TCK")
        expected = psutil.Process(child.pid).create_time() - psutil.boot_time()
        assert abs(started_at(child.pid) / ticks - expected) < 5
    finally:
        child.communicate(b"\n")


def test_where_there_is_no_proc_psutil_answers(monkeypatch):
    monkeypatch.setattr(process_module.sys, "platform", "darwin")
    assert started_at(os.getpid()) == psutil.Process().create_time()
    assert started_at(2**22 + 1) is None


def test_a_host_without_boot_id_or_uname_still_has_an_identity(monkeypatch):
    monkeypatch.setattr(process_module, "_BOOT", "/absent")
    monkeypatch.delattr(os, "uname")
    monkeypatch.setenv("COMPUTERNAME", "box")
    who = this_process()
    assert (who.host, who.boot) == ("box", "")
