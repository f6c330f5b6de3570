"""Where a key stands, told without reading a large recipe a second time."""

from __future__ import annotations

from framework0.recipe import parse_text


def test_a_key_at_the_margin_is_found_without_reading_all_again():
    text = "metadata: {name: a}\nsteps: # not here\n  - {name: steps, type: shell, command: [x]}\n"
    document = parse_text(text, "r.yaml")
    assert str(document.place(("metadata",), key=True)) == "r.yaml:1:1"
    assert str(document.place(("steps",), key=True)) == "r.yaml:2:1"
    careful = parse_text(text, "r.yaml")
    careful.place(("steps", 0))
    for name in ("metadata", "steps", "nowhere"):
        assert document.place((name,), key=True) == careful.place((name,), key=True)
