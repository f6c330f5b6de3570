"""Names keep their letters in files, and their bytes for the system, whatever the locale is."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.workspace import for_file, for_system

CYRILLIC = "бібліотека"
AS_BYTES = CYRILLIC.encode().decode("ascii", "surrogateescape")


def test_bytes_that_a_poor_locale_could_not_read_are_letters_in_a_file():
    assert for_file(AS_BYTES) == CYRILLIC
    assert for_file(f"../{CYRILLIC}/{AS_BYTES}") == f"../{CYRILLIC}/{CYRILLIC}"


@pytest.mark.parametrize("text", ["nodes\udcff", "half\ud800"])
def test_what_is_no_utf_8_stays_as_it_is(text):
    assert for_file(text) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_the_same_in_a_file_and_for_the_system_where_that_is_utf_8(text):
    assert for_file(text) == text == for_system(text)


def poor(text):
    """What ``os.fsencode`` does where the system's encoding is ASCII."""
    return text.encode("ascii", "surrogateescape")


def test_what_a_poor_locale_cannot_say_is_said_in_bytes_of_utf_8(monkeypatch):
    monkeypatch.setattr(os, "fsencode", poor)
    monkeypatch.setattr(os, "fsdecode", lambda text: text.decode("ascii", "surrogateescape"))
    assert for_system(CYRILLIC) == AS_BYTES
    assert for_system(f"{AS_BYTES}/{CYRILLIC}") == f"{AS_BYTES}/{AS_BYTES}"
    assert for_system(AS_BYTES) == AS_BYTES
    assert for_system("half\ud800") == "half\ud800"
