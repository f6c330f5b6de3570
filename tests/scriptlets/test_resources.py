"""The highest memory is found on each system."""

from __future__ import annotations

import resource
import sys
from types import SimpleNamespace

import pytest

from framework0.scriptlets.resources import Meter, _peak


def test_windows_tells_the_peak_itself():
    assert _peak(SimpleNamespace(peak_wset=123)) == 123


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_getrusage_counts_in_kilobytes_except_on_macos(monkeypatch, platform, unit):
    monkeypatch.setattr(sys, "platform", platform)
    usage = SimpleNamespace(ru_maxrss=7)
    monkeypatch.setattr(resource, "getrusage", lambda who: usage)
    assert _peak(object()) == 7 * unit


def test_a_meter_starts_at_nothing_and_only_grows():
    meter = Meter()
    first, second = meter.read(), meter.read()
    assert 0 <= first.wall <= second.wall
    assert 0 <= first.cpu <= second.cpu
    assert first.peak_memory <= second.peak_memory
