"""What a run folder's files must be, beyond being whole."""

import pytest

from seki_lib.files.errors import RunError
from seki_lib.files.run_folder import require_own_history


@pytest.mark.parametrize(
    ("cells", "why"),
    [(["b", "a"], "begins with b, and this run with a"), (["a", "b", "c"], "holds 3 evaluations of 2")],
)
def test_a_history_of_another_run_is_refused(tmp_path, cells, why):
    with pytest.raises(RunError, match=f"{why}. Next: remove it"):
        require_own_history(tmp_path, cells, "a", 2)


@pytest.mark.parametrize("cells", [[], ["a"], ["a", "b"]])
def test_its_own_history_is_not(tmp_path, cells):
    require_own_history(tmp_path, cells, "a", 2)
