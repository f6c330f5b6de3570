"""What the names in an expression mean while it is evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from framework0.recipe.expression_values import MISSING
from framework0.recipe.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ReadsContext(Protocol):
    """As much of a context as an expression needs; ``framework0.context`` views fit it."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default``."""

    def keys(self) -> Iterable[str]:
        """Return the keys that are there."""


_EMPTY: Final[dict[str, Any]] = {}


class Scope:
    """The values behind ``inputs``, ``context``, ``steps``, ``env``, ``run``, ``item``, ``index``.

    ``steps`` maps a step's name to ``{"result": …, "state": …}``. ``item`` and ``index`` exist only
    within a ``foreach``. ``status`` is what ``succeeded()`` and ``failed()`` ask: how the run, as far
    as it matters to the step, has gone (``succeeded`` or ``failed``).
    """

    __slots__ = ("context", "env", "index", "inputs", "item", "run", "status", "steps")

    def __init__(
        self,
        *,
        inputs: Mapping[str, Any] = NOTHING,
        context: ReadsContext | None = None,
        steps: Mapping[str, Any] = NOTHING,
        env: Mapping[str, str] = NOTHING,
        run: Mapping[str, Any] = NOTHING,
        item: Any = MISSING,
        index: Any = MISSING,
        status: str = "succeeded",
    ) -> None:
        self.inputs = inputs
        self.context: ReadsContext = _EMPTY if context is None else context
        self.steps = steps
        self.env = env
        self.run = run
        self.item = item
        self.index = index
        self.status = status
