"""Serve shared contexts over WebSocket and HTTP.

It listens on this machine only, unless told otherwise; clients of the same user find their token by
themselves. For others, make tokens first; beyond this machine TLS is needed as well.

For a browser an address is printed that works once, within ten minutes: who opens it may look at the
contexts. `framework0 context browse` makes another one.

The first Ctrl-C or SIGTERM ends what was begun and says goodbye to clients; the second one ends at once.
SIGHUP has the tokens read anew.

examples:
  framework0 serve
  framework0 serve --open
  framework0 serve --port 0 --store memory
  framework0 serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --allow-host context.example
  framework0 serve --store etcd://10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379/production
  framework0 serve --json
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from framework0.cli.choosing import add_workspace
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from framework0.server import ContextServer

DOCUMENTED = """Serve shared contexts over WebSocket and HTTP.

example:
  python server/enhanced_context_server.py --port 8765 --debug
"""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``serve``."""
    from framework0.cli.running import whole
    from framework0.server import PORT, ServerLimits

    usual = ServerLimits()
    parser.add_argument(
        "--host",
        default=os.environ.get("FRAMEWORK0_HOST") or "127.0.0.1",
        help="the address to listen on (default 127.0.0.1, or FRAMEWORK0_HOST)",
    )
    parser.add_argument(
        "--port", type=int, default=PORT, metavar="N", help=f"default {PORT}; 0: any free one"
    )
    parser.add_argument(
        "--store",
        default=os.environ.get("FRAMEWORK0_STORE") or "default",
        metavar="memory|sqlite:PATH|NAME|etcd://…|nats://…",
        help="where contexts are kept: until the server ends, in a file, in the workspace, or on a "
        "cluster that other servers share, etcd://HOST:PORT,HOST:PORT/NAME or nats://…, with TLS and a "
        "user etcds://USER@… or natss://… and FRAMEWORK0_CLUSTER_PASSWORD (default: the "
        "workspace's shared context `default`, or FRAMEWORK0_STORE)",
    )
    parser.add_argument(
        "--token-file",
        default=os.environ.get("FRAMEWORK0_TOKEN_FILE") or None,
        metavar="FILE",
        help="the file of tokens (default: in the workspace's state folder, or FRAMEWORK0_TOKEN_FILE)",
    )
    _add_protection(parser)
    parser.add_argument(
        "--max-connections",
        type=whole,
        default=usual.connections,
        metavar="N",
        help=f"connections at one time (default {usual.connections})",
    )
    parser.add_argument(
        "--rate",
        type=int,
        default=usual.rate,
        metavar="N",
        help="requests a second of one token, with bursts of four seconds' worth (default: any)",
    )
    parser.add_argument(
        "--audit",
        metavar="FILE",
        help="where a line for each change goes (default: server/audit.jsonl in the state folder)",
    )
    parser.add_argument("--open", action="store_true", help="open the contexts in a browser")
    parser.add_argument("--debug", action="store_true", help="say more in the log")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on stdout at the start"
    )
    add_workspace(parser)


def _add_protection(parser: ArgumentParser) -> None:
    parser.add_argument("--tls-cert", metavar="FILE", help="the certificate, with its chain (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key (PEM)")
    parser.add_argument(
        "--tls-terminated", action="store_true", help="TLS ends in front of this server"
    )
    parser.add_argument(
        "--insecure", action="store_true", help="listen beyond this machine without TLS"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME[:PORT]",
        help="a name under which clients reach this server; may be given more than once",
    )


def execute(arguments: Namespace) -> int:
    """Serve until told to stop."""
    from framework0.logs import configure as configure_logs
    from framework0.logs import get_logger
    from framework0.server import ContextServer, ServerLimits
    from framework0.workspace import find_workspace

    configure_logs(debug=arguments.debug)
    get_logger("framework0.server")
    space = find_workspace(explicit=arguments.workspace)
    audit = Path(arguments.audit) if arguments.audit else space.state / "server" / "audit.jsonl"
    if not arguments.audit:
        space.ensure_state()
    limits = ServerLimits(connections=arguments.max_connections, rate=max(0, arguments.rate))
    server = ContextServer(
        arguments.port,
        arguments.host,
        store=arguments.store,
        token_file=arguments.token_file,
        tls_cert=arguments.tls_cert and Path(arguments.tls_cert),
        tls_key=arguments.tls_key and Path(arguments.tls_key),
        tls_terminated=arguments.tls_terminated,
        insecure=arguments.insecure,
        allow_hosts=tuple(arguments.allow_host),
        workspace=arguments.workspace,
        limits=limits,
        audit_path=audit,
        debug=arguments.debug,
    )
    first, again = server.serve(
        lambda: say_where(server, json=arguments.json, browse=arguments.open)
    )
    say_how_it_ended(server, first)
    if not again:
        return EXIT_OK
    from framework0.runner import exit_code_for

    return exit_code_for(first)


def say_where(server: ContextServer, *, json: bool, browse: bool = False) -> None:
    """Say where clients and browsers connect and where the contexts are."""
    import sys

    from framework0.cli.troubles import say

    address = server.browser_url()
    if json:
        from json import dumps

        facts = {
            "event": "serving",
            "url": server.url,
            "port": server.port,
            "store": server.store_text,
            "pid": os.getpid(),
            "browser": address,
        }
        print(dumps(facts), flush=True)
    else:
        say(f"serving {server.url}; store: {server.store_text}")
        say(f"connect with Context().connect_to_server({server.url!r}); Ctrl-C ends it")
        if address is not None:
            say(f"for a browser, once and within ten minutes: {address}")
    if browse:
        from framework0.cli.browsers import open_aside

        # Another address than the one that was printed, which may have been used by then.
        open_aside(server.browser_url(), server.port)
    sys.stderr.flush()


def say_how_it_ended(server: ContextServer, signal: str) -> None:
    """Say that the server has ended, by which signal, and what became of who was connected."""
    from framework0.cli.browsers import forget_page
    from framework0.cli.troubles import say

    forget_page(server.port)
    told, cut = server.told, server.cut_off
    connections = "1 connection" if told == 1 else f"{told:,} connections"
    if not told:
        clients = "nobody was connected"
    elif cut:
        clients = f"of {connections}, {cut:,} did not end in time and had to be cut"
    else:
        clients = f"{connections} ended in order"
    say(f"ended by {signal}: {clients}; what was acknowledged is kept")


def documented_main(argv: Sequence[str] | None = None) -> int:
    """Be ``python server/enhanced_context_server.py``: the documented way to start a server."""
    from framework0.cli.helptext import VerbParser
    from framework0.cli.troubles import reported

    parser = VerbParser(prog="enhanced_context_server.py", description=DOCUMENTED)
    configure(parser)
    return reported(lambda: execute(parser.parse_args(argv)))
