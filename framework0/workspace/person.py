"""Who is at work here: the name an edit or an answer is signed with."""

from __future__ import annotations

import os


def user_name() -> str:
    """Return the name of the account this process runs as.

    The account counts and not the variables ``USER`` or ``LOGNAME``, which everybody can set for
    themselves. An account without a name, as in some containers, is told by its number.
    """
    try:
        import pwd
    except ImportError:
        # Windows has no such table; there the system itself keeps the name.
        import getpass

        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
