"""Scriptlets that bring tables into the context and put them right."""
