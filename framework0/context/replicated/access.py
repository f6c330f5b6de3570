"""Who a server is to its cluster: TLS, a user, a password that stands in no address.

An address is an argument, which every user of a machine can read, and it is written down with each run:
so it names the user at most. The password is in the environment, or in a file that is its owner's alone.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from framework0.errors import UsageError, WorkspaceError
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from typing import Final

PASSWORD: Final = "FRAMEWORK0_CLUSTER_PASSWORD"  # noqa: S105
PASSWORD_FILE: Final = "FRAMEWORK0_CLUSTER_PASSWORD_FILE"  # noqa: S105
_SECRET_PART: Final = re.compile(r"//[^/?#]*@")


class Access(NamedTuple):
    """How a cluster is spoken to. ``ca``, ``cert`` and ``key`` are paths of files (PEM), for TLS."""

    secure: bool = False
    user: str = ""
    password: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""

    def __repr__(self) -> str:
        """Return what may be shown: no password."""
        return f"Access(secure={self.secure}, user={self.user!r}, ca={self.ca!r})"

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS to speak, None for none; raises UsageError for files that cannot be used."""
        if not self.secure:
            return None
        import ssl

        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            if self.cert:
                context.load_cert_chain(self.cert, self.key or None)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"the files for TLS towards the cluster cannot be used: {error}"
            ) from None
        return context


def access_of(
    secure: bool, user: str, files: Mapping[str, str], environ: Mapping[str, str] | None = None
) -> Access:
    """Return the access that an address and the environment stand for.

    ``files`` has ``ca``, ``cert`` and ``key`` of the address. Raises
    :class:`~framework0.errors.UsageError` for what does not go together.
    """
    if ":" in user:
        raise UsageError(
            "the address of a cluster has no password, for everybody can read the arguments of a "
            f"program: leave user@ there, and give the password in {PASSWORD}, or the path of a file "
            f"that only you can read in {PASSWORD_FILE}"
        )
    if files and not secure:
        raise UsageError(f"{', '.join(sorted(files))}: files for TLS go with etcds:// or natss://")
    if "key" in files and "cert" not in files:
        raise UsageError(
            "key= without cert=: a client's certificate needs both, or one file as cert="
        )
    password = _password(os.environ if environ is None else environ) if user else ""
    access = Access(secure, user, password, **files)
    # A mistake in a file is said now, not when the first question fails.
    access.tls()
    return access


def shown(address: str) -> str:
    """Return an address as it may be shown: without what stands before its hosts."""
    return _SECRET_PART.sub("//…@", address)


def _password(environ: Mapping[str, str]) -> str:
    given, path = environ.get(PASSWORD), environ.get(PASSWORD_FILE)
    if given is not None and path:
        raise UsageError(f"both {PASSWORD} and {PASSWORD_FILE} are set: leave one out")
    if given is not None:
        return given
    if not path:
        raise UsageError(
            f"the address names a user: give the password in {PASSWORD}, or the path of a file that "
            f"only you can read in {PASSWORD_FILE}"
        )
    from framework0.workspace import read_private

    content = read_private(Path(path))
    if content is None:
        raise WorkspaceError(f"{PASSWORD_FILE}: there is no file {path}")
    return content.decode("utf-8", "replace").rstrip("\r\n")
