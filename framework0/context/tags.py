"""Names for versions, and the pictures they protect from being forgotten."""

from __future__ import annotations

from framework0.context.limits import TAG_CHARACTERS, TAGS
from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from framework0.context.change import Entry


def check_tag(name: Any) -> str:
    """Return ``name`` if a version can be called so; raises ContextError otherwise.

    A name is printable text of up to TAG_CHARACTERS that cannot be taken for a number or for
    ``run:step``: it begins with no digit or sign, and holds no colon and no space at its ends.
    """
    if (
        isinstance(name, str)
        and 0 < len(name) <= TAG_CHARACTERS
        and name.isprintable()
        and name == name.strip()
        and not name[0].isdigit()
        and name[0] not in "+-"
        and ":" not in name
    ):
        return name
    raise ContextError(
        f"{name!r:.80} cannot be a tag: use printable text of 1 to {TAG_CHARACTERS} characters that "
        "begins with no digit, + or - and holds no colon, such as 'release-2'"
    )


def check_new_tag(tags: Mapping[str, int], name: str, version: int, *, move: bool) -> None:
    """Raise ContextError when ``name`` may not be given to ``version`` beside ``tags``."""
    check_tag(name)
    taken = tags.get(name)
    if taken is None:
        if len(tags) >= TAGS:
            raise ContextError(
                f"there are {TAGS:,} tags, and no more are kept; remove some that are not needed"
            )
    elif taken != version and not move:
        raise ContextError(
            f"the tag {name!r} stands for version {taken} already; choose another name, or move it "
            f"to version {version} on purpose (move=True)"
        )


class Tags:
    """The tags of a store in memory. Each picture is kept once, however many names it has."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._pictures: dict[int, Mapping[str, Entry]] = {}

    def check(self, name: str, version: int, *, move: bool) -> None:
        """Raise ContextError when ``name`` may not be given to ``version``."""
        check_new_tag(self._versions, name, version, move=move)

    def put(self, name: str, version: int, picture: Mapping[str, Entry]) -> None:
        """Let ``name`` stand for ``version``, whose entries are ``picture``."""
        self._versions[name] = version
        self._pictures[version] = picture
        self._drop_unnamed()

    def remove(self, name: str) -> bool:
        """Forget ``name``; False when there is none such."""
        known = self._versions.pop(name, None) is not None
        self._drop_unnamed()
        return known

    def versions(self) -> dict[str, int]:
        """Return the names and the versions they stand for, sorted by name."""
        return dict(sorted(self._versions.items()))

    def picture(self, version: int) -> Mapping[str, Entry] | None:
        """Return the entries at ``version`` if it has a name."""
        return self._pictures.get(version)

    def _drop_unnamed(self) -> None:
        named = set(self._versions.values())
        for version in self._pictures.keys() - named:
            del self._pictures[version]
