"""Documented paths; each file here names its real home in ``framework0``."""
