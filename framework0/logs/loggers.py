"""Loggers that know their step.

``get_logger`` returns the standard library's logger of that name, so everything written for
:mod:`logging` works with it. Added to each: a filter that stamps records with ``run``, ``step`` and
``attempt``, and one shared handler that writes to the bound step's log, or to stderr outside steps.
``logging`` itself is imported here, by the first logger asked for.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Final

from framework0.logs.binding import bound_step
from framework0.logs.formats import HumanFormat, JsonFormat
from framework0.logs.steplog import STDERR

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.logs.steplog import StepLog

_FORMATS: Final = {"human": HumanFormat, "json": JsonFormat}
_SEEN: Final = "_framework0_written"


class _Stamp(logging.Filter):
    """Writes run, step and attempt into each record, whatever handler will show it."""

    def filter(self, record: logging.LogRecord) -> bool:
        binding = bound_step()
        record.run = binding.run if binding is not None else None
        record.step = binding.step if binding is not None else None
        record.attempt = binding.attempt if binding is not None else None
        return True


class _StepHandler(logging.Handler):
    """Writes a record once: to the log of its step, else to stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        # A parent logger from get_logger passes the same record again.
        if getattr(record, _SEEN, False) or _program_prints(record):
            return
        setattr(record, _SEEN, True)
        binding = bound_step()
        log: StepLog | None = binding.log if binding is not None else None
        try:
            line = self.format(record) + "\n"
            if log is not None:
                log.write(line, STDERR, getattr(sys.stderr, "echo_target", None))
            elif sys.stderr is not None:
                sys.stderr.write(line)
                sys.stderr.flush()
        except Exception:  # noqa: BLE001
            # A record's arguments run the user's __str__: logging reports it and goes on.
            self.handleError(record)


_stamp = _Stamp()
_handler = _StepHandler()
_known: dict[str, int] = {}
_debug: list[bool] = []
"""What :func:`configure` asked for, the latest last; empty: the environment decides."""


def get_logger(name: str, debug: bool | None = None) -> logging.Logger:
    """Return the logger ``name``, with its step's run, step and attempt in every record.

    ``debug`` True shows debug records, False hides them; None follows the environment variable
    ``DEBUG`` (1, true, yes or on) the first time and keeps what was set after that.
    """
    logger = logging.getLogger(name)
    if name not in _known:
        _known[name] = logger.level
        logger.addFilter(_stamp)
        logger.addHandler(_handler)
        if _handler.formatter is None:
            _handler.setFormatter(_chosen_format())
        if debug is None and logger.level == logging.NOTSET:
            debug = _debug[-1] if _debug else _debug_wanted()
    if debug is not None:
        logger.setLevel(logging.DEBUG if debug else logging.INFO)
    return logger


def configure(*, style: str | None = None, debug: bool | None = None) -> Callable[[], None]:
    """Choose ``human`` or ``json`` lines, and debug records for every logger.

    ``debug`` holds for the loggers given out so far and for those asked for later without an opinion
    of their own. Returns the function that undoes it. Without this call the environment variable
    ``FRAMEWORK0_LOG`` chooses the style.
    """
    if style is not None and style not in _FORMATS:
        raise ValueError(f"log style {style!r}: choose one of {', '.join(sorted(_FORMATS))}")
    formatter = _handler.formatter
    levels = {name: logging.getLogger(name).level for name in _known}
    if style is not None:
        _handler.setFormatter(_FORMATS[style]())
    if debug is not None:
        _debug.append(debug)
        for name in levels:
            logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.INFO)

    def undo() -> None:
        _handler.setFormatter(formatter)
        if debug is not None and debug in _debug:
            _debug.remove(debug)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)

    return undo


def forget_loggers() -> None:
    """Take the handler, the filter and the level back from every logger given out."""
    for name, level in _known.items():
        logger = logging.getLogger(name)
        logger.removeHandler(_handler)
        logger.removeFilter(_stamp)
        logger.setLevel(level)
    _known.clear()
    _handler.setFormatter(None)


def _chosen_format() -> logging.Formatter:
    return _FORMATS.get(os.environ.get("FRAMEWORK0_LOG", "human"), HumanFormat)()


def _debug_wanted() -> bool:
    return os.environ.get("DEBUG", "").strip().lower() in {"1", "true", "yes", "on"}


def _program_prints(record: logging.LogRecord) -> bool:
    """Tell whether the program's own root handler shows this record on the console already."""
    if not logging.getLogger(record.name).propagate:
        return False
    consoles = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return any(
        type(handler) is logging.StreamHandler
        and handler.stream in consoles
        and record.levelno >= handler.level
        for handler in logging.getLogger().handlers
    )
