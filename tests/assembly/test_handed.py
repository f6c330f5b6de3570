"""A run within a run that is handed a secret: it works with it, and keeps it nowhere."""

from __future__ import annotations

import pytest

from framework0.assembly import Options, rerun, resume_run, run_recipe
from framework0.errors import UsageError

SECRET = "correct-horse-battery"

OUTER = """
order: graph
inputs:
  token: {type: string, secret: true, env: HANDED_TOKEN}
steps:
  - {name: inside, type: recipe, recipe: inner.yaml, args: {url: "https://u:${{ inputs.token }}@h"}}
"""

INNER = """
order: graph
inputs:
  url: {type: string}
steps:
  - {name: note, module: handed, function: note, args: {url: "${{ inputs.url }}"}}
  - {name: gate, module: handed, function: gate, args: {url: "${{ inputs.url }}"}, depends_on: [note]}
"""

CODE = """
import os

def note(url):
    print(url)
    with open("notes", "a") as file:
        file.write(str(url == os.environ["WANTED"]))

def gate(url):
    note(url)
    if not os.path.exists("open"):
        raise ValueError(url)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("HANDED_TOKEN", SECRET)
    monkeypatch.setenv("WANTED", f"https://u:{SECRET}@h")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".framework0").mkdir()
    for name, text in (("outer.yaml", OUTER), ("inner.yaml", INNER), ("handed.py", CODE)):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_it_is_used_as_it_is_and_kept_nowhere_also_when_the_run_goes_on(place):
    result = run_recipe("outer.yaml", workspace=place)
    assert result.state == "failed"
    (place / "open").touch()
    assert resume_run(result.id, workspace=place).state == "succeeded"
    assert (place / "notes").read_text() == "TrueTrueTrue"
    for path in place.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("way", [resume_run, rerun])
def test_the_inner_run_alone_says_who_can_go_on_with_it(place, way):
    result = run_recipe("outer.yaml", workspace=place)
    with pytest.raises(UsageError, match=f"framework0 resume {result.id}"):
        way(f"{result.id}.0", workspace=place)


@pytest.mark.parametrize("again", ["resume", "rerun"])
def test_an_inner_recipe_that_was_edited_meanwhile_gets_the_secret_itself(place, again):
    result = run_recipe("outer.yaml", workspace=place)
    (place / "open").touch()
    edited = INNER.replace("name: gate,", "name: door,")
    (place / "inner.yaml").write_text(edited)
    if again == "resume":
        after = resume_run(result.id, workspace=place, options=Options(edited="accept"))
    else:
        after = rerun(result.id, failed_only=True, workspace=place)
    assert after.state == "succeeded", after.steps["inside"].failure
    assert set((place / "notes").read_text().replace("True", "T")) == {"T"}
    for path in place.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_edited_and_alone_it_is_not_run_with_a_mask_for_the_secret(place):
    result = run_recipe("outer.yaml", workspace=place)
    (place / "inner.yaml").write_text(INNER.replace("name: gate,", "name: door,"))
    with pytest.raises(UsageError, match=f"framework0 resume {result.id}"):
        resume_run(f"{result.id}.0", workspace=place, options=Options(edited="accept"))
