"""The times and bounds of clients, each with its reason."""

from __future__ import annotations

# The server's port when the address has none.
PORT = 8765
# A call waits so long for its answer, reconnecting included: longer than a server needs to restart.
CALL_SECONDS = 10.0
# For a TCP connection, TLS and the WebSocket handshake together.
CONNECT_SECONDS = 5.0
# The first wait after a lost connection; each further one is twice as long, up to the longest.
BACKOFF_FIRST = 0.05
BACKOFF_LONGEST = 5.0
# After so long without a word the server is asked for a sign of life …
PING_SECONDS = 15.0
# … and after so long without one the connection is taken for dead.
SILENCE_SECONDS = 40.0
# close() waits so long for its thread.
CLOSE_SECONDS = 1.0
# Requests on their way at one time: half of what a server takes.
IN_FLIGHT = 512
# Writes that are kept while the server is away, where that was asked for.
KEPT_WRITES = 10_000
# Estimated bytes of their values.
KEPT_BYTES = 64 * 1024 * 1024
# Bytes handed to the system at a time.
READ_BYTES = 256 * 1024
# One page of what is read from the server's past.
PAGE = 1_000
# Changes that are sent with one `load`, and about how many bytes of them.
LOAD_CHANGES = 500
LOAD_BYTES = 256 * 1024
