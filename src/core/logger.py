"""Loggers that know their run and step. Real home: framework0.logs."""

from framework0.logs import get_logger as get_logger

__all__ = ["get_logger"]
