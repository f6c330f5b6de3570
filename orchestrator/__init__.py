"""Documented paths of the orchestrator; each file here names its real home in ``framework0``."""
