"""What foreign code raises becomes text, whatever the exception does."""

from __future__ import annotations

import sys

import pytest

from framework0.source import is_ours, message_of, trace_text, without_ours
from framework0.workspace import sync_folder
from tests.conftest import REPOSITORY


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Talkative(Exception):
    def __init__(self, size):
        super().__init__("x" * size)


def raised(call, *arguments):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call(*arguments)
    return caught.value


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("wrong"), "wrong"),
        (ValueError(), "no message"),
        (Mute(), "(its message could not be made)"),
        (SystemExit(3), "called sys.exit(3)"),
        (Talkative(20_000), "x" * 10_000),
    ],
)
def test_every_exception_has_a_message(error, message):
    assert message_of(error) == message


def test_our_own_frames_are_left_out_at_the_beginning_and_only_there():
    def theirs():
        raise KeyError("deep")

    assert is_ours(str(REPOSITORY / "framework0" / "graph.py"))
    assert not is_ours(__file__)
    error = raised(theirs)
    assert without_ours(error.__traceback__) is error.__traceback__
    assert "deep" in trace_text(error, error.__traceback__)
    ours = raised(sync_folder, REPOSITORY / "nowhere")
    assert ours.__traceback__.tb_next.tb_frame.f_code.co_name == "sync_folder"
    assert without_ours(ours.__traceback__.tb_next) is None
    assert trace_text(ours, None) == ""


def test_a_traceback_that_cannot_be_made_is_none_and_a_long_one_is_cut():
    class Unprintable(Exception):
        @property
        def __cause__(self):
            raise RuntimeError("no")

    def deep(n):
        if n:
            exec(compile(f"deep({n - 1})", f"<{'f' * 400}{n}>", "exec"), {"deep": deep})
        raise ValueError("bottom")

    error = raised(deep, 90)
    text = trace_text(error, error.__traceback__)
    assert len(text) < 50_010
    assert text.endswith("\n…\n")
    broken = raised(_raise, Unprintable())
    assert trace_text(broken, broken.__traceback__) == ""
    assert sys.exc_info() == (None, None, None)


def _raise(error):
    raise error
