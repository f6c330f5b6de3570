"""The collector's threshold is raised for large runs only, and always put back."""

from __future__ import annotations

import gc

import pytest

from framework0.assembly.garbage import LARGE, YOUNG, rarer_collections


@pytest.fixture(autouse=True)
def threshold():
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_a_large_run_raises_it_and_puts_it_back_also_after_an_error():
    seen = []

    def run():
        with rarer_collections(LARGE):
            seen.append(gc.get_threshold())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert seen == [(YOUNG, 10, 10)]
    assert gc.get_threshold() == (700, 10, 10)


def test_a_small_run_leaves_it_alone():
    with rarer_collections(LARGE - 1):
        assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("own", [0, YOUNG * 2])
def test_what_the_user_has_set_higher_or_off_stays(own):
    gc.set_threshold(own, 5, 5)
    with rarer_collections(LARGE):
        assert gc.get_threshold() == (own, 5, 5)
    assert gc.get_threshold() == (own, 5, 5)


def test_of_runs_that_overlap_the_last_puts_it_back():
    first, second = rarer_collections(LARGE), rarer_collections(LARGE)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() == (YOUNG, 10, 10)
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 10)
