from __future__ import annotations

import json

import pytest

from framework0.artifacts import Artifact, artifacts_in, plain, references, revive
from framework0.errors import ArtifactError

ONE = Artifact("a" * 64, "npy", 10)
TWO = Artifact("b" * 64, "json", 20)


def test_a_reference_survives_json():
    value = {"x": [ONE, {"y": TWO}], "z": 1}
    assert revive(json.loads(json.dumps(plain(value)))) == value


def test_the_references_of_a_text_are_found_without_parsing_it():
    value = {
        "x": [ONE, {"y": TWO}],
        "said": '{"$artifact":"' + "c" * 64 + '","format":"npy","bytes":1}',
    }
    for text in (json.dumps(plain(value)), json.dumps(plain(value), separators=(",", ":"))):
        assert artifacts_in(text) == [ONE, TWO]
    assert artifacts_in("nothing here") == []
    assert list(references((ONE, {"y": TWO}))) == [ONE, TWO]


@pytest.mark.parametrize(
    "value",
    [
        {"$artifact": "../../etc/passwd", "format": "npy", "bytes": 1},
        {"$artifact": "A" * 64, "format": "npy", "bytes": 1},
        {"$artifact": "a" * 63, "format": "npy", "bytes": 1},
        {"$artifact": "a" * 64, "format": 3, "bytes": 1},
        {"$artifact": "a" * 64, "format": "npy", "bytes": True},
        {"$artifact": None},
    ],
)
def test_what_only_looks_like_a_reference_is_refused(value):
    with pytest.raises(ArtifactError, match="no reference"):
        revive([value])


def test_a_reference_cannot_be_changed():
    with pytest.raises(AttributeError, match="digest cannot be set"):
        ONE.digest = "c" * 64
    assert {ONE: 1}[Artifact("a" * 64, "npy", 99)] == 1
    assert ONE != "a" * 64


def test_a_reference_without_its_workspace_says_so():
    with pytest.raises(ArtifactError, match="without its workspace"):
        ONE.load()
