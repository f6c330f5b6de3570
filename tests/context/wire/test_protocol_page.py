"""The page of the protocol and the code say the same."""

from __future__ import annotations

import json
import re

from framework0.context import Author, MemoryStore, Write
from framework0.context.wire import codes, messages
from tests.conftest import REPOSITORY
from tests.context.wire.performing import Connection

PAGE = (REPOSITORY / "docs/reference/protocol.md").read_text(encoding="utf-8")


def chapter(name):
    return re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]


def sections(name):
    found = re.split(r"^### `(\w+)`\n", chapter(name), flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def first_cells(text):
    return set(re.findall(r"^\s*\| `([^`]+)` \|", text, re.MULTILINE))


def test_every_message_has_a_section_and_every_section_a_message():
    assert sections("What a client sends").keys() == messages.CLIENT.keys()
    assert sections("What a server sends").keys() == messages.SERVER.keys()


def test_every_field_stands_in_the_section_of_its_message():
    for chapter_name, table in [
        ("What a client sends", messages.CLIENT),
        ("What a server sends", messages.SERVER),
    ]:
        for kind, text in sections(chapter_name).items():
            own = text.split("\n### ")[0]
            assert first_cells(own) == {field.name for field in table[kind].fields}, kind


def test_every_code_stands_in_its_table_and_no_other():
    assert first_cells(chapter("Error codes")) - {"code"} == codes.ERRORS.keys()
    assert {int(code) for code in first_cells(chapter("Close codes"))} == codes.CLOSES.keys()
    told = first_cells(chapter("How it goes"))
    assert told == {"resume", "why"} | codes.RESUMES.keys() | codes.WHYS.keys()
    assert first_cells(chapter("Kinds of fields")) == messages.KINDS.keys()


def test_every_code_that_the_machines_use_is_in_the_table():
    used = set()
    for path in (REPOSITORY / "framework0/context/wire").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        used |= set(re.findall(r'(?:Wrong|Malformed)\(\s*"(\w+)"', text))
        used |= set(re.findall(r"code(?:\": |=|\"\] = )\"(\w+)\"", text))
    # These are the server's own to use.
    beside = {"unauthorized", "unknown_namespace", "rate"}
    assert used | beside | {"value_too_large", "bad_value"} == codes.ERRORS.keys()


def test_the_conversation_on_the_page_is_one_that_happens():
    store = MemoryStore()
    store._epoch = "2f9c"
    for number in range(41):
        store.apply([Write("report.draft", number)], Author("ann"), 1_699_999_980.0)
    store.apply([Write("report.rows", 120)], Author("ann"), 1_699_999_990.0)
    store.apply([Write("report.draft", removed=True)], Author("ann"), 1_699_999_990.0)
    connection = Connection(store, tokens={"f0_…": "write"}, claims=False)
    lines = re.search(r"```text\n(.*?)```", chapter("A conversation"), re.DOTALL)[1].splitlines()
    for line in lines:
        if line.startswith(">"):
            assert not connection.sent, line
            connection.receive(line[2:])
            continue
        said = json.loads(connection.sent.popleft())
        said |= {"limits": "…"} if "limits" in said else {}
        said |= {"who": "ci"} if said.get("who") else {}
        written = json.loads(line[2:].replace("{…}", '"…"').replace('"ci"', '"token-f0_…"'))
        written |= {"who": "ci"} if written.get("who") else {}
        assert said == written
    assert not connection.sent
