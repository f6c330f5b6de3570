"""The setting ``limits.result_bytes`` bounds what the journal itself keeps of a result."""

from __future__ import annotations

from framework0.assembly import run_recipe
from framework0.runner import Journal
from framework0.workspace import find_workspace


def test_a_result_over_the_limit_is_not_kept_and_its_record_says_so(tmp_path):
    (tmp_path / "framework0.toml").write_text("[limits]\nresult_bytes = 100\n")
    (tmp_path / "steps.py").write_text(
        "def small(): return 'x' * 90\ndef large(): return 'x' * 110\n"
    )
    (tmp_path / "recipe.yaml").write_text(
        "steps:\n"
        "  - {name: small, module: steps, function: small}\n"
        "  - {name: large, module: steps, function: large}\n"
    )
    space = find_workspace(explicit=tmp_path)
    result = run_recipe(tmp_path / "recipe.yaml", workspace=space)
    assert result.ok
    journal = Journal(space.journal)
    records = {record.name: record for record in journal.read(result.id).attempts}
    journal.close()
    assert records["small"].outcome.result == "x" * 90
    assert records["large"].outcome.result is None
    assert "over the limit of 100" in records["large"].reason
