"""The walls around a step that nobody trusts: namespaces, a root of its own, limits, Landlock.

Linux only. :mod:`.entering` puts them up in order; :mod:`.probing` tells beforehand which of them this
machine refuses; :mod:`.plan` says what a step may see and use.
"""
