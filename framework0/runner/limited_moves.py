"""The further words between the state machine and the shell of a run that has limits. Pure.

They stand apart from :mod:`framework0.runner.moves` because most runs have none of these limits.
"""

from __future__ import annotations

from framework0.tuples import NamedTuple


class Granted(NamedTuple):
    """The slots that :class:`Ask` asked for are held for ``node``."""

    node: int


class Refused(NamedTuple):
    """The slots that :class:`Ask` asked for are in use elsewhere."""

    node: int


class MayBeFree(NamedTuple):
    """Slots of ``pool`` may have become free since they were refused."""

    pool: str


class HaltAsked(NamedTuple):
    """Nothing more of ``steps`` may start, for the reason given; the clean-up steps still run."""

    reason: str


class Ask(NamedTuple):
    """Try to take ``slots`` of ``pool`` for ``node``, all or none; answer before anything else."""

    node: int
    pool: str
    slots: int


class GiveBack(NamedTuple):
    """``node`` needs its slots no more."""

    node: int


class Leave(NamedTuple):
    """No step of the run waits for ``pool`` any more."""

    pool: str


class Halt(NamedTuple):
    """Stop the steps that run: nothing of ``steps`` may go on, for ``reason``."""

    reason: str
