"""WebSocket frames: what the RFC asks of a server, and hostile bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from framework0.server.frames import (
    Control,
    FrameReader,
    Violation,
    accept_key,
    close_frame,
    control_frame,
    text_frame,
    unmasked,
)

MOST = 100_000


def frame(opcode, payload, *, last=True, mask=True):
    """A frame as another implementation writes it."""
    return Frame(Opcode(opcode), payload, last).serialize(mask=mask)


def texts(found):
    return [one for one in found if isinstance(one, str)]


@given(st.lists(st.text(max_size=400), max_size=8), st.data())
def test_messages_are_read_whole_however_they_are_cut(messages, data):
    stream = b"".join(frame(1, message.encode()) for message in messages)
    reader = FrameReader(MOST)
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.read(stream[:size])
        stream = stream[size:]
    assert found == messages
    assert not reader.waiting


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6).map(lambda parts: parts))
def test_parts_are_one_message_with_control_frames_between(parts):
    whole = b"".join(parts)
    reader = FrameReader(MOST)
    stream = b""
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        stream += frame(1 if place == 0 else 0, part, last=last)
        stream += frame(9, b"p")
    try:
        expected = whole.decode()
    except UnicodeDecodeError:
        with pytest.raises(Violation) as caught:
            reader.read(stream)
        assert caught.value.code == 1007
        return
    found = reader.read(stream)
    assert texts(found) == [expected]
    assert [one.payload for one in found if isinstance(one, Control)] == [b"p"] * len(parts)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 99_999])
def test_every_form_of_length_is_read_and_written(size):
    assert FrameReader(MOST).read(frame(1, b"x" * size)) == ["x" * size]
    assert text_frame(b"x" * size) == frame(1, b"x" * size, mask=False)


@given(st.binary(max_size=1000), st.binary(min_size=4, max_size=4))
def test_masks_come_off(payload, mask):
    plain = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    assert unmasked(payload, mask) == plain


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (frame(2, b"x"), 1003),
        (frame(1, b"x", mask=False), 1002),
        (frame(0, b"x"), 1002),
        (frame(1, b"x", last=False) + frame(1, b"y"), 1002),
        (frame(1, b"x", last=False) + frame(1, b"y", last=False), 1002),
        (b"\x83\x80abcd", 1002),
        (b"\xc1\x80abcd", 1002),
        (b"\x09\x80abcd", 1002),
        (b"\x89\xfe\x00\x80", 1002),
        (frame(1, b"\xff\xfe"), 1007),
        (frame(1, b"\xed\xa0\x80"), 1007),
        (frame(1, b"x" * (MOST + 1)), 1009),
        (b"\x81\xff" + (2**62).to_bytes(8, "big"), 1009),
        (frame(1, b"x" * 60_000, last=False) + frame(0, b"x" * 60_000), 1009),
        (frame(8, b"\x03"), 1002),
        (frame(8, b"\x03\xed"), 1002),
        (frame(8, b"\x03\xee"), 1002),
        (frame(8, (999).to_bytes(2, "big")), 1002),
        (frame(8, b"\x03\xe8\xff"), 1007),
    ],
    # The masks are drawn by chance: every worker has to call a test by the same name.
    ids=lambda value: str(value) if isinstance(value, int) else "frames",
)
def test_what_breaks_the_protocol_has_its_code(stream, code):
    with pytest.raises(Violation) as caught:
        FrameReader(MOST).read(stream)
    assert caught.value.code == code


def test_a_message_too_large_is_refused_before_it_has_come():
    with pytest.raises(Violation) as caught:
        FrameReader(MOST).read(frame(1, b"x" * (64 * 1024 * 1024))[:14])
    assert caught.value.code == 1009


def test_endless_empty_parts_end():
    reader = FrameReader(1000)
    reader.read(frame(1, b"", last=False))
    for _ in range(999):
        reader.read(frame(0, b"", last=False))
    with pytest.raises(Violation) as caught:
        reader.read(frame(0, b"x", last=False))
    assert caught.value.code == 1009


def test_half_a_frame_waits():
    reader = FrameReader(MOST)
    assert reader.read(frame(1, b"hello")[:7]) == []
    assert reader.waiting


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(stream):
    code = 0
    try:
        FrameReader(MOST).read(stream)
    except Violation as violation:
        code = violation.code
    assert code in {0, 1002, 1003, 1007, 1009}


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_any_pieces_are_read_as_if_they_were_one(pieces):
    def outcome(reader, streams):
        found = []
        try:
            for stream in streams:
                found += [
                    one if isinstance(one, str) else (one.opcode, one.payload, one.code)
                    for one in reader.read(stream)
                ]
        except Violation as violation:
            return violation.code
        return found

    pieced, whole = outcome(FrameReader(50), pieces), outcome(FrameReader(50), [b"".join(pieces)])
    assert pieced == whole


def test_closes_tell_their_code():
    assert FrameReader(MOST).read(frame(8, b""))[0].code == 1005
    found = FrameReader(MOST).read(frame(8, (4000).to_bytes(2, "big") + "später".encode()))
    assert (found[0].code, found[0].payload.decode()) == (4000, "später")


def test_control_frames_stay_small():
    assert close_frame(1013, "ä" * 100) == frame(
        8, (1013).to_bytes(2, "big") + ("ä" * 61).encode(), mask=False
    )
    assert control_frame(9, b"x" * 200) == frame(9, b"x" * 125, mask=False)


@pytest.mark.parametrize("key", ["", "x", "dGhlIHNhbXBsZQ==", "!!!!", "dGhlIHNhbXBsZSBub25jZQ"])
def test_what_is_no_key_is_not_accepted(key):
    assert accept_key(key) is None


def test_the_key_of_the_rfc_is_accepted_as_there():
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
