"""The one step as doit runs it."""

from __future__ import annotations


def noop():
    return None


def task_one():
    return {"actions": [noop]}
