"""Where the large values of a run go: the workspace's artifacts, opened when the first one comes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.artifacts import Artifacts
    from framework0.secrets import Masker
    from framework0.workspace import Gate, Workspace

PINS = "artifacts"
"""The file in a run's folder that names the artifacts the run relies on while it lives."""


class Keeping:
    """The keeper of one run; :meth:`close` gives back what it has opened.

    ``told`` says who wrote a digest; with ``durable`` what is kept survives a power cut.
    """

    def __init__(
        self,
        workspace: Workspace,
        run_id: str,
        masker: Masker | None,
        *,
        durable: bool,
        told: Callable[[str], str] | None,
    ) -> None:
        from framework0.artifacts import Artifacts
        from framework0.runner import Keeper

        workspace.ensure_state()
        self._gate = artifact_gate(workspace)
        artifacts = Artifacts(
            workspace.artifacts,
            gate=self._gate,
            pins=workspace.run_folder(run_id) / PINS,
            hides=None if masker is None else masker.is_in,
            told=told,
            durable=durable,
        )
        self.keeper = Keeper(artifacts, workspace.settings.artifact_threshold, masker)

    def close(self) -> None:
        """Close the gate; nothing is kept afterward."""
        self._gate.close()


def artifact_gate(workspace: Workspace) -> Gate:
    """Return the lock between those who rely on artifacts and those who remove them."""
    from framework0.workspace import Gate

    return Gate(workspace.state / "artifacts.lock")


def artifacts_of(workspace: Workspace, told: Callable[[str], str] | None = None) -> Artifacts:
    """Return the workspace's artifacts to look at; what is put there is not kept from a sweep."""
    from framework0.artifacts import Artifacts

    return Artifacts(workspace.artifacts, told=told)
