"""Framework0: recipes of Python steps, scriptlets, and a versioned context they share.

Importing this door costs next to nothing: every name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework0.assembly import (
        arun_recipe as arun_recipe,
        check_recipe as check_recipe,
        load_recipe as load_recipe,
        run_recipe as run_recipe,
    )

__version__ = "2.0.0"
