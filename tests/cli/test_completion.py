"""``framework0 completion``: what the shells are given; bash is asked to complete for real."""

from __future__ import annotations

import subprocess

import pytest

from framework0.cli.main import parser_of
from framework0.cli.verbs import VERBS

pytestmark = pytest.mark.measured

ASK = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE="${COMP_WORDS[*]}"
COMP_POINT=${#COMP_LINE}
_shtab_framework0
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def proposals(framework0, workspace):
    """Return what bash proposes for the last of some words."""
    script = workspace / "completion.bash"
    script.write_text(framework0("completion", "bash").stdout, encoding="utf-8")

    def propose(*words):
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", ASK, "ask", script, "framework0", *words],
            cwd=workspace,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return ended.stdout.split()

    return propose


def test_bash_proposes_verbs_options_choices_and_files(proposals):
    assert set(VERBS) <= set(proposals(""))
    assert set(proposals("re")) == {"resume", "rerun", "repro"}
    assert {"--only", "--skip", "--input", "--json"} <= set(proposals("plan", "--"))
    assert set(proposals("graph", "--format", "")) == {"text", "mermaid", "dot"}
    assert proposals("run", "goo") == ["good.yaml"]
    assert proposals("graph", "goo") == ["good.yaml"]
    assert "good.yaml" in proposals("validate", "one.yaml", "g")
    assert "prune" in proposals("runs", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_each_shell_gets_every_verb_with_its_options(framework0, shell):
    said = framework0("completion", shell)
    assert (said.code, said.stderr) == (0, "")
    assert [verb for verb in VERBS if verb not in said.stdout] == []
    long_options = {
        option.lstrip("-")
        for verb in VERBS
        for option in parser_of(verb)._option_string_actions
        if option.startswith("--")
    }
    assert [option for option in long_options if option not in said.stdout] == []


def test_a_shell_that_is_not_known_is_refused_with_those_that_are(framework0):
    said = framework0("completion", "csh")
    assert (said.code, said.stdout) == (2, "")
    assert "bash" in said.stderr
