"""D19: text from elsewhere (names, words of errors, output, file names) cannot move the terminal's cursor.

Twenty texts that set a title, forge a line, reverse the reading direction or are no UTF-8 go through
every command that shows such text. None of their control characters may reach stdout or stderr.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.usefixtures("unmeasured")

HOSTILE = {
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "clear": "\x1b[2J\x1b[H",
    "cursor up": "\x1b[1A\x1b[2Kall well",
    "color": "\x1b[32mok\x1b[0m",
    "link": "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "device query": "\x1b[6n",
    "reset": "\x1bc",
    "C1 CSI": "\x9b31mred",
    "C1 OSC": "\x9d0;owned\x9c",
    "bell": "\a\a",
    "backspace": "good\b\b\b\bevil",
    "carriage return": "failed\rsucceeded",
    "new line": "a\nrun 20990101 succeeded",
    "vertical": "a\x0b\x0cb",
    "delete": "a\x7fb",
    "right to left": "\u202etxt.exe",
    "isolates": "\u2066a\u2069 \u200eb\u200f \u061cc",
    "line separators": "a\u2028b\u2029c",
    "half surrogate": "a\udce9b\ud800c",
}

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
CONTROLS = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
FORBIDDEN = frozenset(f"{CONTROLS}{BIDI}\u2028\u2029") - {"\n", "\t"}

SCRIPTLETS = """
import json
import sys

TEXTS = json.loads(open("texts.json").read())

def tell(context, which):
    text = TEXTS[which]
    print(text)
    print(text, file=sys.stderr)
    sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass") + b"\\n")
    try:
        context.set("said." + which, text)
    except Exception:
        context.set("said." + which, "refused")
    return text

def fail(which):
    raise RuntimeError(TEXTS[which])

def fail_by_name(which):
    raise type("Error" + TEXTS[which], (Exception,), {})(TEXTS[which])
"""


def framework0(folder, *words, code=None):
    """Run a command as a person would, look at every character, and return stdout and stderr."""
    ended = subprocess.run(
        [sys.executable, "-m", "framework0", *words],
        cwd=folder,
        capture_output=True,
        env={**os.environ, "PYTHONUTF8": "1"},
        timeout=600,
        check=False,
    )
    looked_at(words, ended)
    assert code is None or ended.returncode == code, (ended.stdout, ended.stderr)
    return ended.stdout.decode(), ended.stderr.decode()


def looked_at(words, ended):
    """Fail if a program that has ended wrote a character that must not reach a terminal."""
    for name, content in (("stdout", ended.stdout), ("stderr", ended.stderr)):
        # Strict: a byte that is no UTF-8 is itself a fault.
        text = content.decode("utf-8", "strict")
        found = sorted({character for character in text if character in FORBIDDEN})
        assert not found, f"{found} on {name} of {words}: {text!r}"
        assert "Traceback (most recent call last)" not in text or "--json" in words


def quoted(text):
    """Return a YAML double-quoted scalar; JSON's escapes are YAML's."""
    return json.dumps(text)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace in which every text was a run's name and recipe, printed, returned and raised."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "foreign.py").write_text(SCRIPTLETS)
    (folder / "texts.json").write_text(json.dumps(HOSTILE))
    steps = ["order: graph", "steps:"]
    for number, which in enumerate(HOSTILE):
        steps += [
            f"  - {{name: {word} {number}, module: foreign, function: {word}, "
            f"args: {{which: {which}}}, continue_on_error: true}}"
            for word in ("tell", "fail", "fail_by_name")
        ]
    (folder / "all.yaml").write_text("\n".join(steps) + "\n")
    return folder


def test_there_are_twenty_of_them_and_each_could_do_harm():
    assert len(HOSTILE) == 20
    for name, text in HOSTILE.items():
        harmful = any(character in FORBIDDEN or character == "\n" for character in text)
        assert harmful or any("\ud800" <= character <= "\udfff" for character in text), name


@pytest.mark.slow
def test_names_in_recipes_and_of_files_are_shown_harmless(workspace):
    files = []
    for number, text in enumerate(HOSTILE.values()):
        recipe = f"metadata: {{name: {quoted(text)}, {quoted('x' + text)}: 1}}\nsteps:\n"
        recipe += f"  - {{name: {quoted(text)}, type: shell, command: [echo], {quoted(text)}: 1}}\n"
        recipe += f"  - {{name: b, type: shell, command: [{quoted(text)}], depends_on: [{quoted(text)}]}}\n"
        recipe += (
            f'  - {{name: c, type: shell, command: ["${{{{ {json.dumps(text)[1:-1]} }}}}"]}}\n'
        )
        (workspace / f"name {number}.yaml").write_text(recipe)
        # The text itself as the name of a file, raw bytes and all.
        raw = os.fsencode(f"{number}") + text.replace("/", "_").encode("utf-8", "surrogatepass")
        path = os.path.join(os.fsencode(workspace), raw + b".yaml")
        with open(path, "wb") as file:
            file.write(b"stops:\n  - {name: 1}\n")
        files += [f"name {number}.yaml", os.fsdecode(raw + b".yaml")]
    for form in ("human", "json", "github", "sarif"):
        out, _ = framework0(workspace, "validate", "--format", form, *files, code=3)
        assert out
    for file in files[:2] + files[-2:]:
        framework0(workspace, "run", file, code=3)
        framework0(workspace, "plan", file, code=3)
        framework0(workspace, "graph", file, code=3)


@pytest.mark.slow
def test_what_steps_say_and_raise_is_shown_harmless_by_every_command(workspace):
    framework0(workspace, "run", "all.yaml")
    framework0(workspace, "run", "all.yaml", "--quiet")
    out, _ = framework0(workspace, "run", "all.yaml", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert sum(event["event"] == "step_finished" for event in events) == 60
    framework0(workspace, "show")
    framework0(workspace, "show", "--all")
    framework0(workspace, "show", "--json")
    framework0(workspace, "why")
    for step in ("tell 0", "fail 13", "fail_by_name 19"):
        framework0(workspace, "why", "--step", step)
    framework0(workspace, "graph", "all.yaml")
    framework0(workspace, "plan", "all.yaml")
    framework0(workspace, "runs")


@pytest.mark.slow
def test_logs_show_what_steps_printed_harmless(workspace):
    framework0(workspace, "run", "all.yaml", "--quiet")
    out, _ = framework0(workspace, "logs")
    assert "owned" in out
    assert "\\x1b" in out


@pytest.mark.slow
def test_names_of_runs_are_shown_harmless(workspace):
    (workspace / "good.yaml").write_text("steps:\n  - {name: a, module: os, function: getpid}\n")
    for text in HOSTILE.values():
        raw = text.encode("utf-8", "surrogatepass")
        framework0(workspace, "run", "good.yaml", "--name", raw, code=0)
    out, _ = framework0(workspace, "runs", code=0)
    assert "\\x1b]0;owned\\x07" in out
    out, _ = framework0(workspace, "runs", "--json", code=0)
    names = {run["name"] for run in json.loads(out)}
    assert set(HOSTILE.values()) - {HOSTILE["half surrogate"]} <= names


def test_a_raw_character_would_be_seen(tmp_path):
    (tmp_path / "loud").write_text("print('\\x1b[2J')")
    with pytest.raises(AssertionError, match="on stdout"):
        looked_at(
            ["loud"],
            subprocess.run([sys.executable, tmp_path / "loud"], capture_output=True, check=True),
        )
