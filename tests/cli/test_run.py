"""``framework0 run``: what it runs, what it shows, and how it ends."""

from __future__ import annotations


def test_a_recipe_of_one_step_shows_what_the_step_prints(framework0):
    said = framework0("run", "one.yaml")
    assert said.code == 0
    assert said.stdout.startswith("hello you\n")
    assert "succeeded: 1 succeeded" in said.stdout
