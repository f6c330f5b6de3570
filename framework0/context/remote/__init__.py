"""A context that lives on a server, as if it were here.

In reading order: ``address`` (where, and with which token), ``line`` (one WebSocket), ``replica`` (what is
known here), ``calls`` with ``refusals`` (requests and their answers), ``link`` (the thread that keeps
the connection), ``waiting`` (writes kept while the server is away), ``store`` (all of it as a
:class:`~framework0.context.change.Store`), ``asynchronous`` (the same for asyncio).

The names are at the room's door, :mod:`framework0.context`. Nothing is imported here.
"""
