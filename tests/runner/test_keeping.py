"""What the journal keeps of values: of parcels from other processes, of nested ones, and masked."""

from __future__ import annotations

import sys
import threading
from types import ModuleType

import numpy as np
import pytest

from framework0.artifacts import Artifact, Artifacts
from framework0.context import Author, Context
from framework0.errors import ArtifactError, ValueRefused
from framework0.recipe import Step
from framework0.runner import Failure, Job, Keeper, Outcome
from framework0.runner.effects import apart, context_effects, kept_result
from framework0.runner.jobs import Stored
from framework0.runner.keeping import LIMITS
from framework0.runner.pool.parcel import pack
from framework0.secrets import Masker

THRESHOLD = 64 * 1024


@pytest.fixture
def store(tmp_path):
    return Artifacts(tmp_path / "artifacts", durable=False)


@pytest.fixture
def keeper(store):
    return Keeper(store, THRESHOLD, None)


class Workshop:
    """As much of a workshop as the keeping of an attempt's effects asks of one."""

    def __init__(self, keeper, masker=None):
        self.keeper = None if keeper is None else lambda: keeper
        self.masker = masker
        self.results = self
        self.by_node = {0: "as it was returned"}


def job_with(context):
    job = Job("run", 0, "a", Step("a", 0), 1)
    job.context = context.view(Author("a", "run", "a", 1))
    return job


@pytest.mark.parametrize("length", [3, 100_000])
def test_a_parcel_is_kept_as_what_is_in_it_and_looked_at_once(keeper, store, monkeypatch, length):
    parcel = pack(np.arange(length))
    first = keeper.keep(parcel)
    assert store.load(first).tolist() == list(range(length))
    assert keeper.passed_on(parcel, first) is parcel
    assert keeper.is_known(parcel) is (length == 100_000)
    if length == 100_000:
        monkeypatch.setattr(Artifacts, "put_content", None)
        assert keeper.keep(parcel) == first
        assert keeper.hold(parcel) == first


def test_a_parcel_whose_file_is_gone_is_written_again(keeper, store):
    parcel = pack(np.arange(100_000))
    first = keeper.keep(parcel)
    store.path(first).unlink()
    assert keeper.keep(parcel) == first
    assert store.has(first)


def test_parcels_inside_other_values_become_references(keeper, store):
    kept = keeper.keep([pack(np.arange(3)), pack({"deep": np.arange(2), "n": 1}), 5])
    assert [type(part) for part in kept] == [Artifact, Artifact, int]
    assert kept[1].format == "tree"
    loaded = store.resolve(kept)
    assert (loaded[1]["deep"].tolist(), loaded[2]) == ([0, 1], 5)


class Hostile:
    """Unpickled, it raises."""

    def __reduce__(self):
        return int, ("no number",)


def test_a_parcel_that_only_its_own_process_can_open_is_refused_in_words(keeper):
    with pytest.raises(ValueRefused, match="Hostile, which is not JSON"):
        keeper.keep(pack(Hostile()))


def test_json_is_a_file_beyond_the_threshold_and_only_then(keeper, store):
    small = ["x" * 1000] * 50
    large = ["x" * 1000] * 80
    assert keeper.keep(small) == small
    kept = keeper.keep(large)
    assert (kept.format, store.load(kept)) == ("json", large)
    assert keeper.passed_on(large, kept) is large
    mixed = keeper.keep([large, np.arange(2)])
    assert mixed.format == "tree"
    assert store.load(mixed)[0] == large


def test_a_result_of_an_earlier_process_is_loaded_when_it_is_used(keeper, store):
    kept = keeper.keep({"a": np.arange(3)})
    standing = keeper.taken_over(kept)
    assert type(standing) is Stored
    assert standing.load()["a"].tolist() == [0, 1, 2]
    assert keeper.keep([standing])[0].format == "tree"
    assert keeper.taken_over([1, "two"]) == [1, "two"]


def test_what_was_taken_over_is_masked_and_what_cannot_be_is_refused(store):
    masker = Masker(["hush-hush"])
    hiding = Artifacts(store.folder, hides=masker.is_in, durable=False)
    keeper = Keeper(hiding, THRESHOLD, masker)
    assert keeper.keep({"word": "hush-hush"}) == {"word": "***"}
    assert hiding.load(keeper.keep(["hush-hush"] * 20_000)) == ["***"] * 20_000
    for text in (np.array(["hush-hush"]), b"so hush-hush", np.array([b"hush-hush"])):
        with pytest.raises(ValueRefused, match="it holds a secret"):
            keeper.hold(text)
    assert LIMITS.items > 1_000_000


def test_an_attempt_whose_result_the_disk_does_not_take_has_failed(keeper, store, monkeypatch):
    def full(*_):
        raise ArtifactError("no room")

    monkeypatch.setattr(Artifacts, "put_content", full)
    workshop = Workshop(keeper)
    outcome, note = kept_result(workshop, Outcome("succeeded", np.arange(3)), 0, "not kept")
    assert (outcome.state, outcome.result, note) == ("failed", None, "")
    assert outcome.failure == Failure("result", "what the step left cannot be kept: no room")
    assert workshop.by_node == {}
    outcome, _ = kept_result(workshop, Outcome("succeeded", np.arange(3)), None, "not kept")
    assert outcome.state == "failed"


def test_writes_the_disk_does_not_take_fail_the_attempt_and_are_taken_back(keeper, monkeypatch):
    context = Context()
    context.set("kept", "before")
    job = job_with(context)
    job.context.set("kept", "x" * 100_000)
    job.context.set("small", 1)
    job.context.close()

    def full(*_):
        raise ArtifactError("no room")

    monkeypatch.setattr(Artifacts, "put_content", full)
    outcome, changes, note = context_effects(Workshop(keeper), job, Outcome("succeeded"))
    assert (outcome.state, note) == ("failed", "")
    assert "no room" in outcome.failure.message
    # The large value is not there: it is gone from the context too.
    assert [(change.key, change.value) for change in changes] == [
        ("small", 1),
        ("kept", "before"),
        ("small", None),
    ]
    assert context.get("kept") == "before"


def test_the_last_change_of_a_key_is_told_even_when_there_is_no_room_for_a_file(
    keeper, monkeypatch
):
    context = Context()
    context.set("kept", "b" * 100_000)
    job = job_with(context)
    job.context.set("kept", "x" * 100_000)
    job.context.close()

    def full(*_):
        raise ArtifactError("no room")

    monkeypatch.setattr(Artifacts, "put_content", full)
    failure = Outcome("failed", None, Failure("ValueError", "no"))
    _, changes, _ = context_effects(Workshop(keeper), job, failure)
    assert [change.value for change in changes] == ["b" * 100_000]


def test_keys_that_others_wrote_since_are_named(keeper):
    context = Context()
    job = job_with(context)
    job.context.set("shared", 1)
    context.set("shared", 2)
    job.context.close()
    failure = Outcome("failed", None, Failure("ValueError", "no"))
    _, _, note = context_effects(Workshop(keeper), job, failure)
    assert note == "left in place because others wrote them since: 'shared'"


def test_writes_are_masked_with_and_without_files(keeper):
    masker = Masker(["hush-hush"])
    for made in (None, keeper):
        context = Context()
        job = job_with(context)
        job.context.set("word", "hush-hush")
        job.context.close()
        _, changes, _ = context_effects(Workshop(made, masker), job, Outcome("succeeded"))
        assert changes[0].value == "***"


def test_what_is_done_apart_and_breaks_ends_the_run():
    told = []
    done = threading.Event()

    class Run:
        def fail(self, error):
            told.append(error)
            done.set()

    def broken():
        raise OSError("broken")

    apart(Run(), broken)
    assert done.wait(300)
    assert str(told[0]) == "broken"
    apart(Run(), done.clear)


def test_while_another_thread_imports_what_knows_parcels_there_are_none(keeper, monkeypatch):
    monkeypatch.setitem(sys.modules, "framework0.runner.pool.parcel", ModuleType("half"))
    assert keeper.keep([1, 2]) == [1, 2]
