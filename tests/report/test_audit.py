"""The facts of notebook 22, from the data that they are about."""

import numpy as np
import pytest

from seki_lib.evaluators import nas201_table
from seki_lib.evaluators.table import BenchmarkTable
from seki_lib.files.errors import AssetError
from seki_lib.report import audit, audit_table
from seki_lib.report.audit_table import FAILED, HELD, OPEN, Check
from seki_lib.report.statistics import standard_error
from seki_lib.report.tables import paper_table

SEKI_CELL = "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


@pytest.fixture(scope="module")
def entries(table):
    return audit.Entries.of(nas201_table.load())


def test_five_of_six_means_of_one_row_and_all_of_another_are_one_cells(entries):
    index, same = entries.nearest(audit.row3("SEKI")[0])
    assert (index, same, entries.cells[index]) == (3731, 5, SEKI_CELL)
    assert round(entries.values[index][5], 2) == 46.59
    assert entries.nearest(audit.row3("IS-DARTS")[0]) == (9930, 6)
    assert entries.nearest(audit.row3("EG-NAS")[0])[1] == 6  # a habit of the field, then
    assert entries.nearest(audit.row3("DARTS-")[0])[1] < 4
    rows = [row["architecture"] for row in paper_table(3) if "-" not in row.values()]
    assert [row for row in rows if entries.nearest(audit.row3(row)[0])[1] == 6] == ["DARTS (2st)", "IS-DARTS", "EG-NAS"]


def test_no_mean_over_cells_has_both_printed_values(entries):
    highest = entries.highest_mean(given=46.90)
    assert highest == pytest.approx(94.295, abs=0.001) and highest < 94.335
    assert entries.highest_mean(given=46.59) >= 94.3433 - 1e-6  # the cell itself has both


def test_the_bound_of_the_linear_programme_holds_for_every_mix_of_two_cells(entries):
    """By brute force: mixes of random pairs that have the given mean never reach above the bound."""
    rng, test = np.random.default_rng(0), entries.values[:, [1, 5]]
    high, low = test[test[:, 1] >= 46.9], test[(test[:, 1] < 46.9) & (test[:, 1] > 40)]
    a, b = high[rng.integers(len(high), size=20_000)], low[rng.integers(len(low), size=20_000)]
    share = (46.9 - b[:, 1]) / (a[:, 1] - b[:, 1])
    mixed = share * a[:, 0] + (1 - share) * b[:, 0]
    assert mixed.max() <= entries.highest_mean(given=46.90) < mixed.max() + 0.4


def test_no_four_values_of_a_column_deviate_more_than_the_bound(entries):
    means, sds = audit.row3("SEKI")
    bound = entries.largest_sd(means)
    assert bound.round(2).tolist() == [0.33, 0.07, 1.51, 1.53, 0.35, 0.82]
    assert (sds > bound + audit_table.ROUNDED).sum() == 4
    top = entries.values.max(axis=0)
    extreme = np.vstack([top, top, top, 4 * means - 3 * top])
    assert np.allclose(extreme.mean(axis=0), means) and np.allclose(extreme.std(axis=0, ddof=1), bound)


def test_the_oracle_row_is_the_maximum_of_each_column_but_one(entries):
    printed = audit.row3("Oracle Best")[0]
    assert (np.abs(entries.maxima() - printed) > audit.HALF).tolist() == [False] * 4 + [True, False]
    assert entries.maxima()[4] == pytest.approx(46.7333)


def test_a_source_without_all_six_columns_is_refused(entries):
    lacking = BenchmarkTable(("cifar10_test",), {"a": (1.0,)}, {}, nas201_table.load().source)
    with pytest.raises(AssetError, match="seki data fetch nas201"):
        audit.Entries.of(lacking)


def test_tables_5_and_6_are_multiples_of_one_in_512():
    assert audit.denominators([86.33, 85.93]) != [512]  # two values fit many
    five, six = audit.grid(5), audit.grid(6)
    assert five["fits images"][0] == six["fits images"][0] == 512
    assert (five["span in images"], five["lead in images"]) == (6, 2)
    assert round(five["span"], 2) == 1.18 and round(six["sd"], 2) == 0.73
    assert round(standard_error(86.33, 512), 2) == 1.52
    for number in (5, 6):  # at 512 images all values are cut, but for the best
        values = [float(row["top1"]) for row in paper_table(number)]
        cut = [np.floor(100 * 100 * round(value * 5.12) / 512) / 100 for value in values]
        assert [value for value, other in zip(values, cut, strict=True) if abs(value - other) > 1e-9] == [86.33]


def test_all_cells_are_those_that_can_be_drawn():
    """Sums of all normal and all reduction cells: every random cell is one of them, counted as its network counts."""
    from random import Random

    from seki_lib.nn.darts_parameters import Parameters
    from seki_lib.spaces import get_space

    space = get_space("darts")
    small, large = (Parameters(**space.paper_sizes[stem]) for stem in ("cifar", "imagenet"))
    normal, reduction = audit.all_cells()
    known = {tuple(a + b) for a in normal for b in reduction}
    for seed in range(200):
        arch = space.random(Random(seed))
        assert (small(arch), large(arch)) in known


def test_printed_parameters_stand_beside_counted_ones():
    assert [round(end, 2) for end in audit.range_of(1, 3.92)] == [5.37, 5.64]
    assert [round(end, 2) for end in audit.range_of(1, 3.77)] == [5.14, 5.46]
    assert [round(end, 2) for end in audit.range_of(1, 3.92, channels=46)] == [4.98, 5.22]  # 5.2 fits
    assert [round(end, 2) for end in audit.range_of(0, 5.2, digits=1)] == [3.49, 3.85]
    assert round(audit.range_of(0, 5.2, digits=1, cut=True)[1], 2) == 3.88 < 3.92
    public = {row: (printed, round(counted, 2)) for row, (printed, counted) in audit.public_params().items()}
    assert public["Table 2, PC-DARTS"] == ("4.7", 5.27) and public["Table 1, DARTS(1st)"] == ("3.4", 3.17)
    assert public["Table 1, PC-DARTS + cutout"] == ("3.6", 3.63)


def test_table_4_prints_better_rows_than_the_text_says_and_one_above_its_own_oracle():
    assert audit.better_rows("class_object") == {"weakNAS-t": 47.4}
    assert audit.better_rows("normal") == {"Arch-Graph": 58.27}
    assert audit.better_rows("room_layout") == {} == audit.better_rows("jigsaw")
    assert audit.above_oracle() == [("weakNAS-t", "class_object", 47.4, 46.32)]


def test_what_the_text_says_is_typed_with_its_place():
    assert audit.said("imagenet_text") == (75.8, "introduction", "75.8% on ImageNet")


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [((True, True), HELD), ((True, None), OPEN), ((None, False, True), FAILED), ((True, False), FAILED), ((), OPEN)],
)
def test_one_failed_check_is_enough_and_one_open_one_leaves_open(outcomes, expected):
    assert audit_table.verdict([Check(1, "", outcome) for outcome in outcomes]) == expected


def test_each_table_has_one_verdict_with_its_reason(entries, trans101_table):
    from seki_lib.evaluators.tabular import tabular
    from seki_lib.evaluators.trans101_table import TASKS

    judges = {task: tabular("trans101", task) for task in TASKS}
    table = audit_table.audit_table(audit_table.checks(entries, judges), "smoke")
    verdicts = [cells[0].text for _, _, cells in table.rows]
    assert verdicts == [OPEN, OPEN, FAILED, OPEN, OPEN, OPEN, OPEN, OPEN] and len(table.rows) == 8
    assert all(cells[1].text for _, _, cells in table.rows)
    without = audit_table.audit_table(audit_table.checks(entries, None), "smoke")
    assert without.rows[3][2][0].text == OPEN


def test_what_is_not_decided_and_what_agrees_stand_behind_what_led_to_the_verdict():
    checks = [
        Check(2, "it agrees.", True),
        Check(2, "it is open.", None, question="Why?"),
        Check(2, "it failed.", False),
    ]
    table = audit_table.audit_table(checks, "smoke")
    (n, cells), *_ = [(n, cells) for label, n, cells in table.rows if label.startswith("Table 2")]
    assert n == "3" and cells[0].text == FAILED and cells[3].text == "Why?"
    assert cells[1].text == "it failed. Not decided: it is open. Agrees: it agrees."


def test_a_lead_of_two_images_is_chance_on_the_same_images_too():
    assert [audit.sign_test(audit.grid(number)) for number in (5, 6)] == [0.5, 0.25]
