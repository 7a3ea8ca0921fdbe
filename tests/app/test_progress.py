"""What is said while the DAG runs. Snakemake's events are made here as its logger makes them."""

import logging

import pytest

from seki_lib.app.cost.expected import START, expected_seconds
from seki_lib.app.progress import Estimate, Progress
from seki_lib.paper import Edition, needs_of, reports
from seki_lib.profiles import PROFILES, get_profile


class Dag:
    """A Progress whose clock and screen are here; `told` are its lines."""

    def __init__(self, expected, names, remote=False):
        self.now, self.told = 0.0, []
        self.progress = Progress(lambda: expected, remote, self.told.append, lambda: self.now)
        self.numbers = {name: number for number, name in enumerate(names, start=1)}
        self.event("run_info", stats=dict.fromkeys(names, 1) | {"all": 1, "total": len(names) + 1})

    def event(self, event, **what):
        record = logging.makeLogRecord({"event": event, **what})
        self.progress.handle(record)

    def begin(self, name):
        self.event("job_info", jobid=self.numbers[name], rule_name=name)

    def end(self, name, seconds):
        self.now += seconds
        self.event("job_finished", job_id=self.numbers[name])


def test_each_job_is_a_line_when_it_begins_and_one_when_it_ends():
    dag = Dag({}, ["a", "b"])
    for name in "ab":
        dag.begin(name)
        dag.end(name, 7)
    assert dag.told == [
        "[0/2 done] begins  a",
        "[1/2 done] ended   a, 7 s",
        "[1/2 done] begins  b",
        "[2/2 done] ended   b, 7 s",
    ]


def test_the_target_that_makes_nothing_is_not_counted():
    dag = Dag({}, ["a"])
    dag.begin("a")
    dag.end("a", 1)
    dag.event("job_info", jobid=0, rule_name="all")
    dag.event("job_finished", job_id=0)
    assert len(dag.told) == 2 and dag.told[-1].startswith("[1/1 done]")


def test_snakemakes_own_lines_on_jobs_give_way():
    logger, shown = logging.Logger("dag"), []
    other = logging.Handler()
    other.emit = lambda record: shown.append(record.getMessage())
    logger.addHandler(other)
    Progress(dict, say=(told := []).append).follow(logger)
    logger.info("Job stats: …", extra={"event": "run_info", "stats": {"a": 1}})
    logger.info("something else")
    logger.info("Rule: a", extra={"event": "job_info", "jobid": 1, "rule_name": "a"})
    logger.info("Finished jobid: 1", extra={"event": "job_finished", "job_id": 1})
    logger.info(None, extra={"event": "progress", "done": 1, "total": 1})
    assert shown == ["something else", "Rule: a"] and len(told) == 2


def test_minutes_are_said_when_most_of_what_is_left_is_of_kinds_that_have_ended():
    expected = {f"s{i}": ("search", 10.0) for i in range(3)} | {"s3": ("search", 20.0), "t": ("training", 1000.0)}
    dag = Dag(expected, expected)
    for i in range(3):
        dag.begin(f"s{i}")
        dag.end(f"s{i}", 60)
    assert "left" not in dag.told[-1]  # nobody knows how long a training takes
    dag.begin("t")
    dag.end("t", 300)
    assert dag.told[-1] == "[4/5 done] ended   t, 300 s; about 2 minutes left"  # s3 takes twice as long as the others


def test_what_runs_counts_with_what_is_left_of_it_and_jobs_share_the_clock():
    kinds = dict.fromkeys("abcdefxy", ("search", 60.0))
    known = Estimate(kinds, dict.fromkeys("abxy", 60.0))  # two at once for two minutes
    assert known.left(set("cdef"), {}, elapsed=120.0) == pytest.approx(120.0)
    assert known.left(set("ef"), {"c": 30.0, "d": 30.0}, elapsed=150.0) == pytest.approx(90.0)
    assert known.left(set(), {"c": 30.0}, elapsed=150.0) == pytest.approx(30.0)
    assert known.left(set(), {"c": 600.0}, elapsed=750.0) is None  # longer than expected: nobody knows


def test_nothing_is_said_of_minutes_before_some_jobs_have_ended():
    kinds = dict.fromkeys("abcd", ("search", 5.0))
    assert Estimate(kinds).left({"d"}, {}, elapsed=10.0) is None
    assert Estimate(kinds, {"a": 5.0, "b": 5.0}).left({"d"}, {}, elapsed=10.0) is None
    assert Estimate(kinds, dict.fromkeys("abc", 5.0)).left({"d"}, {}, elapsed=15.0) == pytest.approx(5.0)
    assert Estimate({}, dict.fromkeys("abc", 3.0)).left({"d"}, {}, elapsed=10.0) is None


def test_a_job_that_fails_is_named_with_its_log_and_counts_when_it_is_tried_again(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("".join(f"line {i}\n" for i in range(40)))
    dag = Dag({}, ["a"], remote=True)
    dag.begin("a")
    dag.event("job_error", rule_name="a", log=[str(log)])
    assert dag.told[0] == "[0/1 done] queued  a"
    assert (
        dag.told[1] == f"[0/1 done] FAILED  a, see {log}" and "line 39" in dag.told[2] and "line 9\n" not in dag.told[2]
    )
    dag.begin("a")
    dag.end("a", 5)
    assert dag.told[-1] == "[1/1 done] ended   a, 5 s"


def test_an_estimate_that_cannot_be_made_stops_no_dag():
    progress = Progress(lambda: 1 / 0, say=(told := []).append, clock=lambda: 0.0)
    for event, what in (("run_info", {"stats": {"a": 1}}), ("job_info", {"jobid": 1, "rule_name": "a"})):  # fmt: skip
        progress.handle(logging.makeLogRecord({"event": event, **what}))
    assert told == ["[0/1 done] begins  a"]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_job_of_every_profile_has_an_expected_time(profile, tmp_path):
    sizes = get_profile(profile)
    edition = Edition(sizes, "local:smollm2-135m", sizes.seeds, sizes.trans101_seeds)
    needs = {str(need.folder(edition)): need for need in needs_of(edition)}
    found = expected_seconds(edition, tmp_path, needs, reports(edition))
    assert found.keys() == needs.keys() | reports(edition).keys()
    assert all(0 < seconds < float("inf") and kind for kind, seconds in found.values())


def test_rounds_that_two_jobs_of_one_search_share_out_are_expected_of_the_one_that_runs_them(tmp_path):
    """The first rounds of a long search are a job of their own, so that forks begin early."""
    edition = Edition(get_profile("workstation"), "local:smollm2-135m", (8,), (8,))
    needs = {str(need.folder(edition)): need for need in needs_of(edition)}
    found = expected_seconds(edition, tmp_path, needs, reports(edition))
    begins = {name: need for name, need in needs.items() if need.until is not None}
    assert begins
    for name, need in begins.items():
        (whole,) = (other for other, of in needs.items() if need in of.after(edition) and of.setting == need.setting)
        own, rest = (found[one][1] - START for one in (name, whole))
        share = need.until / (need.setting.lam)
        assert 0.5 * share < own / (own + rest) <= share  # inspiration comes on top of the rest
