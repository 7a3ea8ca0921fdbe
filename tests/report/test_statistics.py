"""What seeds can say, on numbers whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from seki_lib.paper import Edition
from seki_lib.profiles import get_profile
from seki_lib.report import statistics as stats


def runs(mean, sd, n, seed=0):
    return np.random.default_rng(seed).normal(mean, sd, n)


@pytest.mark.parametrize(("difference", "seeds"), [(0.25, 30), (0.1, 182)])
def test_the_planner_says_how_many_seeds_a_difference_needs(difference, seeds):
    assert stats.seeds_needed(0.34, difference) == seeds
    assert stats.resolvable(0.34, seeds) <= difference < stats.resolvable(0.34, seeds - 1)


def test_so_many_seeds_find_the_difference_in_four_of_five_experiments():
    """The planner is checked by what it plans: 400 experiments of 30 seeds an arm."""
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(0.25, 0.34, (400, 30)), rng.normal(0, 0.34, (400, 30))
    found = (ttest_ind(ours, theirs, axis=1).pvalue < 0.05).mean()
    assert 0.74 < found < 0.86


def test_few_pairs_cannot_reach_a_small_p_value():
    assert [stats.smallest_p(n) for n in (0, 1, 4, 5, 6)] == [1, 1, 0.125, 0.0625, 0.03125]
    assert stats.p_value([1.0, 1.1, 0.9, 1.2]) == pytest.approx(stats.smallest_p(4))
    assert not stats.paired([2.0, 2.1, 1.9, 2.2], [1.0, 1.0, 1.0, 1.0]).is_decided
    assert stats.paired(np.arange(6) + 2.0, np.arange(6.0)).is_decided


def test_pairs_that_share_their_luck_are_compared_better_pair_by_pair():
    luck = runs(0, 3, 30)
    ours, theirs = luck + 0.5 + runs(0, 0.1, 30, 1), luck + runs(0, 0.1, 30, 2)
    pairs, one = stats.paired(ours, theirs), stats.mean(ours)
    assert pairs.is_decided and 0.4 < pairs.low < 0.5 < pairs.high < 0.6
    assert one.high - one.low > 1  # of one arm alone, which holds the luck
    with pytest.raises(ValueError, match="pairs are needed"):
        stats.paired(ours, theirs[1:])


@pytest.mark.parametrize("n", [6, 10, 40])
def test_a_bootstrap_interval_holds_the_truth_about_as_often_as_it_says(n, monkeypatch):
    """Plain percentiles hold it in 86 % of such samples of six, and in 90 % of ten."""
    monkeypatch.setattr(stats, "RESAMPLES", 1000)
    held = [stats.mean(runs(1, 1, n, seed)) for seed in range(300)]
    assert 0.91 <= np.mean([each.low <= 1 <= each.high for each in held]) <= 0.98


def test_an_interval_of_few_values_cuts_less_of_the_resamples_off():
    shares = [stats.tail(n) for n in (4, 10, 100, 10**6)]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(0.025, rel=1e-3) and shares[0] < 0.001


def test_the_probability_of_improvement_counts_pairs_and_half_of_the_ties():
    assert stats.probability_of_improvement([1, 2, 3], [1, 2, 3]).value == 0.5
    assert stats.probability_of_improvement([4, 5], [1, 2, 3]).value == 1
    one, other = runs(0.5, 1, 50), runs(0, 1, 40, 1)
    brute = np.mean([a > b for a in one for b in other])
    assert stats.probability_of_improvement(one, other).value == pytest.approx(brute)


def test_an_outlier_moves_the_mean_and_not_the_interquartile_mean():
    values = [93.0, 94.0, 94.1, 94.2, 94.3, 94.4, 94.5, 10.0]
    assert 94 < stats.interquartile_mean(values).value < 94.3 and stats.mean(values).value < 84


def test_one_value_has_no_interval_and_decides_nothing():
    one = stats.mean([94.0])
    assert one.text() == "94.00" and not one.is_decided and one.n == 1


def test_regret_falls_and_its_band_holds_the_mean():
    scores = np.random.default_rng(0).uniform(80, 91, (20, 30))
    mean, low, high = stats.regret_curves(scores, 91.5)
    assert mean.shape == (30,) and (np.diff(mean) <= 0).all()
    assert (low <= mean).all() and (mean <= high).all() and mean[-1] > 0.5
    alone, no_band, _ = stats.regret_curves(scores[:1], 91.5)
    assert np.isnan(no_band).all() and alone[0] == 91.5 - scores[0, 0]


def test_the_same_values_give_the_same_interval():
    assert stats.mean(runs(0, 1, 12)) == stats.mean(runs(0, 1, 12))


def test_no_values_are_refused_and_every_profile_gives_chance_two_seeds_or_more():
    with pytest.raises(ValueError, match="no values have no mean"):
        stats.interval_text([])
    tiny = Edition(replace(get_profile("smoke"), baseline_seeds=20), "local:smollm2-135m", (8,), (8,))
    assert tiny.chance_seeds == 2


@pytest.mark.parametrize("sample", [[], [94.0, np.nan, 93.0, 94.0], [94.0, np.inf]])
def test_what_has_no_mean_is_said_and_gives_no_number(sample):
    with pytest.raises(ValueError, match=r"a sample is empty, .* no finite numbers"):
        stats.mean(sample)
    with pytest.raises(ValueError, match="a sample is empty"):
        stats.probability_of_improvement(sample, sample)


def test_unsigned_whole_numbers_do_not_wrap_around():
    ones, twos = np.full(5, 1, dtype=np.uint8), np.full(5, 2, dtype=np.uint8)
    assert stats.paired(ones, twos).value == -1.0


@pytest.mark.parametrize("sample", [[np.nan, 1.0, 2.0], [np.inf, 1.0], [[1.0, 2.0], [3.0, 4.0]]])
def test_no_statistic_makes_a_number_of_what_is_none(sample):
    for statistic in (stats.p_value, stats.mean_std, stats.interval, stats.mean, stats.interquartile_mean):
        with pytest.raises(ValueError, match="a sample is empty"):
            statistic(sample)


def test_whole_numbers_have_a_mean_and_a_deviation():
    assert stats.mean_std(np.array([1, 2, 2])) == "1.67±0.58"


def test_no_plan_has_fewer_pairs_than_can_decide():
    """Two pairs reach p = 0.5 at best, however large their difference is."""
    needed = stats.seeds_needed(0.34, 10.0)
    assert needed == 6 and stats.smallest_p(needed) < 0.05 <= stats.smallest_p(needed - 1)
    assert stats.resolvable(0.34, 5) == np.inf and stats.resolvable(0.34, 30) == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize("asked", [(0.34, 0.0), (0.34, np.nan), (-1.0, 0.1), (0.34, 0.1, 80.0), (0.34, 0.1, 0.8, 5.0)])
def test_a_plan_for_nothing_is_refused(asked):
    with pytest.raises(ValueError, match=r"no number of seeds|a deviation, a power and a level"):
        stats.seeds_needed(*asked)
