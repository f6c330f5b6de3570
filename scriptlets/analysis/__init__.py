"""Scriptlets that compute figures from what is in the context."""
