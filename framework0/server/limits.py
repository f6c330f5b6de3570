"""The limits of the context server, each with its reason; most can be set when it is started."""

from __future__ import annotations

from framework0.tuples import NamedTuple

# The port of the documentation and of every example.
PORT = 8765
# One request or message: a value larger than this belongs into a file whose path is the value.
BODY_BYTES = 1024 * 1024
# Request line and headers together: browsers with cookies stay below half of it.
HEAD_BYTES = 16 * 1024
# Seconds for a head, a body or the rest of a frame to arrive: longer is a client that holds a place.
ARRIVAL_SECONDS = 30.0
# Seconds in which a new socket must say who it is.
AUTHENTICATION_SECONDS = 5.0
# Seconds an HTTP connection may stay open between two requests.
IDLE_SECONDS = 75.0
# A socket that has said nothing for so long is asked for a sign of life.
PING_SECONDS = 30.0
# Without a sign of life for so long, a socket is taken for dead.
SILENCE_SECONDS = 90.0
# Connections of all kinds at one time: a team and its runs; 2,000 cost about 20 MB.
CONNECTIONS = 128
# Connections too many that are told so at one time; what comes beyond them is cut without a word.
TURNED_AWAY = 256
# Bytes waiting for one client that reads slowly; the store's log keeps what it misses meanwhile.
CLIENT_BYTES = 256 * 1024
# Of the operating system's own buffer for one client.
SOCKET_BYTES = 256 * 1024
# Seconds a client may leave everything unread before it is closed with 1013.
STALLED_SECONDS = 8.0
# Requests of one socket that wait for their commit: above it, no more are read from it.
IN_FLIGHT = 1024
# Of one page of a list, a history: clients that want more ask for the next page.
PAGE_ITEMS = 1000
PAGE_ITEMS_MOST = 10_000
# Each is a store of its own with an open file.
NAMESPACES = 64
# Seconds that commits and open streams get to end when the server is told to stop.
DRAIN_SECONDS = 5.0
# Bytes of one audit file; the one before it is kept.
AUDIT_BYTES = 16 * 1024 * 1024
# Tokens of one file: they are read whole at each start.
TOKENS = 1000
# Seconds in which an address for a browser must be used: from reading it to opening it.
ENTER_SECONDS = 600.0
# Addresses for browsers that wait to be used at one time; the oldest goes.
ENTRANCES = 16
# A browser stays let in for a working day, and at most until the server ends.
SESSION_SECONDS = 12 * 3600.0
# Browsers let in at one time; the oldest one has to come in anew.
SESSIONS = 64
# Bytes of the values in one page of a list of keys, about; a page ends early rather than grow beyond it.
PAGE_BYTES = 4 * 1024 * 1024
# Requests of HTTP at work at one time, for what is read in a thread.
READERS = 2

# Contexts on a cluster that are being opened or looked for at one time.
ASKERS = 4
# A call waits so long for a cluster: clients wait ten, and NATS takes six to choose another leader.
CLUSTER_SECONDS = 8.0
# Older than this, what is read is still served, and the cluster is asked for what is new.
OLD_SECONDS = 1.0
# Whoever asks whether the server is ready gets an answer in this time, also without a majority.
READY_SECONDS = 2.0


class ServerLimits(NamedTuple):
    """The limits a person may set for one server; ``rate`` is requests a second and client, 0: any."""

    connections: int = CONNECTIONS
    body_bytes: int = BODY_BYTES
    client_bytes: int = CLIENT_BYTES
    namespaces: int = NAMESPACES
    rate: int = 0
    arrival_seconds: float = ARRIVAL_SECONDS
    idle_seconds: float = IDLE_SECONDS
    authentication_seconds: float = AUTHENTICATION_SECONDS
    stalled_seconds: float = STALLED_SECONDS
    drain_seconds: float = DRAIN_SECONDS
