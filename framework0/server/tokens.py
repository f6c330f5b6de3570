"""Who may do what: tokens, kept as hashes in a file that only its owner can read.

A token is ``f0_<id>_<secret>``: the id is public and finds the record, the secret has 256 random bits,
so that one SHA-256 is a hash nobody can go back from. The text of a token is shown once, when it is
made, and is in no file of the server and in no log.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from hashlib import sha256

from framework0.errors import UsageError, WorkspaceError
from framework0.server.limits import TOKENS
from framework0.tuples import NamedTuple
from framework0.workspace import Workspace, hold, make_private_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, Final

READ: Final = "read"
WRITE: Final = "write"
ADMIN: Final = "admin"
ROLES: Final = (READ, WRITE, ADMIN)
"""From the least to the most; each may do what those before it may."""

FORMAT: Final = 1
_PREFIX: Final = "f0"
_ID_BYTES: Final = 5
_SECRET_BYTES: Final = 32
_NAME_CHARACTERS: Final = 100


class Token(NamedTuple):
    """One record: ``name`` signs what is written with it; times are epoch seconds, 0: no end."""

    id: str
    name: str
    role: str
    digest: str
    created: float
    expires: float = 0.0

    def ended(self, now: float) -> bool:
        """Whether its time is over."""
        return bool(self.expires) and now >= self.expires


def may(role: str, needed: str) -> bool:
    """Whether ``role`` may do what needs ``needed``."""
    return ROLES.index(role) >= ROLES.index(needed)


def tokens_path(workspace: Workspace) -> Path:
    """Return where the tokens of a workspace's server are kept."""
    return workspace.state / "server" / "tokens.json"


def new_token(name: str, role: str, now: float, expires: float = 0.0) -> tuple[Token, str]:
    """Return a new record and the text of the token, which is nowhere else from then on."""
    if role not in ROLES:
        raise UsageError(f"a token's role is one of {', '.join(ROLES)}, not {role!r}")
    if not name or len(name) > _NAME_CHARACTERS or not name.isprintable():
        raise UsageError(f"a token's name is printable text of at most {_NAME_CHARACTERS} letters")
    identity = secrets.token_hex(_ID_BYTES)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    token = Token(identity, name, role, _digest(secret), now, expires)
    return token, f"{_PREFIX}_{identity}_{secret}"


class TokenBook:
    """The tokens a server knows, looked up in constant time with respect to their secrets."""

    def __init__(self, tokens: Iterator[Token] | list[Token] | tuple[Token, ...] = ()) -> None:
        self._by_id = {token.id: token for token in tokens}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Token]:
        return iter(self._by_id.values())

    def holds(self, token: Token, now: float) -> bool:
        """Whether the token of that id is still known and its time not over."""
        known = self._by_id.get(token.id)
        return known is not None and not known.ended(now)

    def find(self, text: str, now: float) -> Token | None:
        """Return the record of a token's text, None when it is unknown, wrong or over."""
        prefix, _, rest = text.partition("_")
        identity, _, secret = rest.partition("_")
        token = self._by_id.get(identity)
        # An unknown id costs the same comparison as a known one.
        known = token.digest if token is not None else _digest("")
        matches = hmac.compare_digest(_digest(secret), known)
        if token is None or not matches or prefix != _PREFIX or token.ended(now):
            return None
        return token

    def added(self, token: Token) -> TokenBook:
        """Return a book that has this token too."""
        return TokenBook([*self, token])


def read_tokens(path: Path) -> TokenBook:
    """Return the tokens in the file, none when there is no file.

    Raises :class:`~framework0.errors.WorkspaceError` when others could read or have changed it, or
    when it is not such a file.
    """
    from framework0.workspace import read_private

    content = read_private(path)
    if content is None:
        return TokenBook()
    try:
        found = json.loads(content)
        if found["format"] != FORMAT:
            raise WorkspaceError(
                f"{path} has format {found['format']!r}, this version reads {FORMAT}: "
                "use the version of framework0 that wrote it"
            )
        return TokenBook([_record(entry) for entry in found["tokens"]])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WorkspaceError(
            f"{path} is not a file of tokens ({type(error).__name__}: {error}): move it away and "
            "make the tokens anew with `framework0 token create`"
        ) from error


def add_token(path: Path, token: Token, now: float) -> None:
    """Add a token to the file; those whose time is over go."""
    make_private_folder(path.parent)
    with _locked(path):
        book = [other for other in read_tokens(path) if not other.ended(now)]
        if len(book) >= TOKENS:
            raise UsageError(f"{path} holds {TOKENS:,} tokens: revoke some first")
        _write(path, [*book, token])


def revoke_token(path: Path, word: str) -> Token:
    """Take out the token of that id or name and return it; raise UsageError when it is not one."""
    with _locked(path):
        book = list(read_tokens(path))
        meant = [token for token in book if word in {token.id, token.name}]
        if len(meant) != 1:
            why = "no token has" if not meant else f"{len(meant)} tokens have"
            raise UsageError(f"{why} the id or name {word!r}: see `framework0 token list`")
        _write(path, [token for token in book if token is not meant[0]])
        return meant[0]


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _record(entry: Any) -> Token:
    token = Token(
        str(entry["id"]),
        str(entry["name"]),
        str(entry["role"]),
        str(entry["sha256"]),
        float(entry["created"]),
        float(entry["expires"]),
    )
    if token.role not in ROLES:
        raise ValueError(f"the role {token.role!r}")
    return token


def _locked(path: Path) -> Any:
    make_private_folder(path.parent)
    return hold(path.with_name(path.name + ".lock"), "changes the tokens", timeout=10.0)


def _write(path: Path, tokens: list[Token]) -> None:
    from framework0.workspace import replace_private

    entries = [
        {
            "id": token.id,
            "name": token.name,
            "role": token.role,
            "sha256": token.digest,
            "created": token.created,
            "expires": token.expires,
        }
        for token in tokens
    ]
    text = json.dumps({"format": FORMAT, "tokens": entries}, indent=1) + os.linesep
    replace_private(path, text.encode())
