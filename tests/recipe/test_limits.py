"""Limits of steps and runs: sizes as people write them, pools that exist, what cannot be limited."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.recipe import check_document, parse_text
from framework0.recipe.sizes import LARGEST, parse_size, size_text
from framework0.runner import Plan

STEP = "steps:\n  - name: train\n    module: builtins\n    function: print\n"


def check(text, **facts):
    return check_document(parse_text(text), **facts)


def policy_of(lines, **facts):
    found = check(STEP + "".join(f"    {line}\n" for line in lines), **facts)
    assert found.recipe is not None, found.problems
    return found.recipe.steps[0].policy


def errors(text, **facts):
    problems = check(text, **facts).problems
    return [
        (problem.code, problem.message, problem.hint, str(problem.place))
        for problem in problems
        if problem.severity == "error"
    ]


@pytest.mark.parametrize(
    ("written", "bytes_meant"),
    [
        (512, 512),
        ("512", 512),
        ("512B", 512),
        ("64 KiB", 65_536),
        ("1.5GB", 1_500_000_000),
        ("512MB", 512_000_000),
        ("512MiB", 536_870_912),
        ("2g", 2_000_000_000),
        ("1tib", 2**40),
        (" 0.5 kb ", 500),
    ],
)
def test_a_size_is_what_people_mean_by_it(written, bytes_meant):
    assert parse_size(written) == bytes_meant


@pytest.mark.parametrize(
    "written",
    ["", "MB", "1,5GB", "1e3", "-1MB", "1 petabyte", "٣MB", "9" * 60, 1.5, None, True, []],
)
def test_what_is_no_size_is_refused(written):
    with pytest.raises(ValueError, match=r"must|is more"):
        parse_size(written)


def test_more_than_any_machine_has_is_refused():
    with pytest.raises(ValueError, match="more than any machine"):
        parse_size(LARGEST + 1)


@given(st.integers(0, 10**18))
def test_a_size_in_words_is_near_and_can_be_read_again(size):
    text = size_text(size).replace(" bytes", "")
    if "P" not in text and "e+" not in text:
        assert parse_size(text) == pytest.approx(size, rel=0.006, abs=0.6)


def test_a_pool_is_a_name_or_a_name_and_slots():
    assert policy_of(["pool: gpu"], pools={"gpu": 1}).pool == ("gpu", 1)
    assert policy_of(["pool: {name: gpu, slots: 2}"], pools={"gpu": 2}).pool == ("gpu", 2)
    assert policy_of(["pool: anything"]).pool == ("anything", 1)


def test_a_pool_that_is_not_there_is_told_with_the_near_name():
    assert errors(STEP + "    pool: gpus\n", pools={"gpu": 1, "db": 1}) == [
        (
            "unknown-pool",
            "the workspace has no pool called 'gpus'",
            "did you mean 'gpu'?",
            "<text>:5:11",
        )
    ]


def test_without_a_near_name_the_pools_there_are_and_where_to_add_one_are_told():
    (found,) = errors(STEP + "    pool: {name: printer}\n", pools={"gpu": 1, "db": 1})
    assert found[2:] == (
        "it has db, gpu; add others under `[pools]` in framework0.toml",
        "<text>:5:18",
    )
    (found,) = errors(STEP + "    pool: printer\n", pools={})
    assert found[2] == "add `printer = 1` under `[pools]` in framework0.toml"


def test_more_slots_than_the_pool_has_would_wait_for_ever():
    (found,) = errors(STEP + "    pool: {name: gpu, slots: 3}\n", pools={"gpu": 2})
    assert found[:2] == (
        "pool-too-small",
        "pool 'gpu' has 2 slots, so a step that needs 3 would wait for ever",
    )
    assert found[3] == "<text>:5:30"


def test_memory_and_cpu_put_a_step_into_a_process_of_its_own():
    assert policy_of(["memory: 512MB"]).executor == "process"
    assert policy_of(["cpu: 2"]).executor == "process"
    assert policy_of(["priority: 3"]).executor is None
    limited = policy_of(["memory: 512MB", "cpu: 2", "executor: process"])
    assert (limited.memory, limited.cpu, limited.executor) == (512_000_000, 2, "process")


def test_a_log_may_be_bounded_for_all_steps_and_otherwise_for_one():
    text = "defaults: {max_log_bytes: 1MB}\n" + STEP
    assert check(text).recipe.steps[0].policy.max_log_bytes == 1_000_000
    text += "    max_log_bytes: 2KB\n"
    assert check(text).recipe.steps[0].policy.max_log_bytes == 2_000


def test_limits_of_the_run_stand_at_the_top():
    recipe = check("fail_fast: true\ndeadline: 2h\n" + STEP).recipe
    assert (recipe.fail_fast, recipe.deadline) == (True, 7200.0)
    recipe = check(STEP).recipe
    assert (recipe.fail_fast, recipe.deadline) == (False, None)


def test_a_priority_chooses_among_ready_steps_and_leaves_a_sequence_as_it_is():
    text = """steps:
  - {name: a, module: m, function: f, idx: 1}
  - {name: b, module: m, function: f, idx: 2, priority: 10}
"""
    plan = Plan(check(text).recipe)
    assert plan.rank == [1, 0]
    assert plan.parents == [(), (0,)]
    assert Plan(check("order: graph\n" + text).recipe).parents == [(), ()]


def test_retry_may_name_memory():
    policy = policy_of(["retry: {attempts: 2, on: [memory]}", "memory: 1GB"])
    assert policy.retry.on == ("memory",)
