"""Lineage as text, as a drawing, and for programs: who left a value, and what it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.cli.sizes import bytes_text

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence

    from framework0.assembly import Made, Source, Written
    from framework0.cli.story import RunStory
    from framework0.runner import Journal, Mention
    from framework0.workspace import Workspace

DEEPEST: Final = 40
"""Levels of a tree of text; what is above that is told by asking about a step in it."""

SHOWN_RUNS: Final = 3
"""Other runs named that left the same content."""

SHORTEST_DIGEST: Final = 6
"""Characters from which a word may mean the beginning of a digest."""


class Lineage:
    """The lineage of one run, and who else left the same content."""

    def __init__(self, story: RunStory, workspace: Workspace, journal: Journal) -> None:
        from framework0.assembly import lineage_of

        self.run_id = story.header.run_id
        self.made: Mapping[str, Made] = lineage_of(story.history, story.recipe, workspace)
        self.writers: dict[str, list[str]] = {}
        for made in self.made.values():
            for written in made.written:
                self.writers.setdefault(written.key, []).append(made.step)
        self._journal = journal

    def chosen(self, word: str | None) -> list[Made]:
        """Return the steps that ``word`` means: a step, a key of the context, a digest, or all."""
        from framework0.errors import UsageError
        from framework0.recipe import near_name

        if word is None:
            return list(self.made.values())
        if word in self.made:
            return [self.made[word]]
        if word in self.writers:
            return [self.made[name] for name in self.writers[word]]
        found = [made for made in self.made.values() if self._left(made, word)]
        if found:
            return found
        near = near_name(word, [*self.made, *self.writers])
        hint = f"did you mean {near!r}?" if near else "`framework0 show --lineage` lists all"
        raise UsageError(
            f"{word!r} is no step, context key or artifact of run {self.run_id}: {hint}"
        )

    def also(self, made: Made) -> list[Mention]:
        """Return who else left what this step left as artifacts, other runs and other steps."""
        return [
            mention
            for artifact in _artifacts(made)
            for mention in self._journal.mentions(artifact.digest)
            if (mention.run, mention.step) != (self.run_id, made.step) and not mention.kept
        ]

    def _left(self, made: Made, word: str) -> bool:
        return len(word) >= SHORTEST_DIGEST and any(
            artifact.digest.startswith(word) for artifact in _artifacts(made)
        )


def lineage_text(lineage: Lineage, chosen: Sequence[Made]) -> str:
    """Return each of the chosen steps as a tree of what it was made from."""
    lines: list[str] = []
    for made in chosen:
        if lines:
            lines.append("")
        lines += _tree(lineage, made, 0, set())
    return "\n".join(lines) + "\n"


def _tree(lineage: Lineage, made: Made, level: int, told: set[str]) -> Iterator[str]:
    """Yield the lines of a step; what stands above in the same tree is only named."""
    pad = "  " * level
    yield f"{pad}{made.step} ({made.state.replace('_', ' ')}, attempt {made.attempt})"
    if made.step in told:
        yield f"{pad}  as told above"
        return
    told.add(made.step)
    if made.result is not None:
        yield f"{pad}  left its result: {shown(made.result)}"
    for written in made.written:
        value = "removed" if written.removed else shown(written.value)
        yield f"{pad}  left {written.key} in the context: {value}"
    for mention in lineage.also(made)[:SHOWN_RUNS]:
        yield f"{pad}  the same content is the {mention}"
    if not made.sources and not made.unseen:
        yield f"{pad}  made from nothing of this run"
    for source in made.sources:
        yield f"{pad}  {_words(source)}"
        for name in makers(lineage, source, made):
            if level < DEEPEST:
                yield from _tree(lineage, lineage.made[name], level + 2, told)
    if made.unseen:
        yield f"{pad}  what else its code reads cannot be seen by reading it"


def _words(source: Source) -> str:
    what = {
        "step": f"the result of {source.name}",
        "input": f"the input {source.name}",
        "env": f"the variable {source.name}",
        "context": f"{source.name} of the context",
    }[source.kind]
    if source.told_by == "recipe":
        return f"made from {what}, as the recipe says"
    return f"may be made from {what}, which its code reads"


def makers(lineage: Lineage, source: Source, made: Made) -> list[str]:
    """Return the steps of the run that left what ``made`` was made from."""
    if source.kind == "step":
        return [source.name] if source.name in lineage.made else []
    if source.kind == "context":
        return [name for name in lineage.writers.get(source.name, []) if name != made.step]
    return []


def lineage_facts(lineage: Lineage, chosen: Sequence[Made]) -> list[dict[str, Any]]:
    """Return the chosen steps for programs; values are JSON with references to artifacts in it."""
    from framework0.artifacts import plain

    return [
        {
            "step": made.step,
            "state": made.state,
            "attempt": made.attempt,
            "result": plain(made.result),
            "context": [_written_facts(written) for written in made.written],
            "made_from": [
                {**source._asdict(), "made_by": makers(lineage, source, made)}
                for source in made.sources
            ],
            "reads_unseen": made.unseen,
            "same_content": [
                {
                    "run": mention.run,
                    "step": mention.step,
                    "attempt": mention.attempt,
                    "key": mention.key,
                    "digest": mention.artifact.digest,
                }
                for mention in lineage.also(made)
            ],
        }
        for made in chosen
    ]


def _written_facts(written: Written) -> dict[str, Any]:
    from framework0.artifacts import plain

    return {**written._asdict(), "value": plain(written.value)}


def show_lineage(
    arguments: Namespace, story: RunStory, workspace: Workspace, journal: Journal
) -> str:
    """Return what ``show --lineage`` prints."""
    import json

    from framework0.logs import plain_lines

    lineage = Lineage(story, workspace, journal)
    chosen = lineage.chosen(arguments.lineage or None)
    if arguments.json:
        return json.dumps(lineage_facts(lineage, chosen), indent=2) + "\n"
    if arguments.dot or arguments.mermaid:
        from framework0.cli.lineage_drawing import lineage_flow
        from framework0.visualization import draw_dot, draw_mermaid

        return (draw_dot if arguments.dot else draw_mermaid)(lineage_flow(lineage, chosen))
    return plain_lines(lineage_text(lineage, chosen))


def shown(value: Any) -> str:
    """Return a value in a few words."""
    import json

    from framework0.artifacts import Artifact, plain

    if type(value) is Artifact:
        return f"artifact {value.digest[:12]} ({value.format}, {bytes_text(value.bytes)})"
    text = json.dumps(plain(value), ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004  what a line has room for


def _artifacts(made: Made) -> Iterator[Any]:
    from framework0.artifacts import references

    yield from references(made.result)
    for written in made.written:
        yield from references(written.value)
