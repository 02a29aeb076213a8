"""Tests of background jobs: order in a lane, cancelling, and dropped results."""

from __future__ import annotations

import logging
import threading

import pytest

from auralscope.errors import AudioFileError
from auralscope.session.jobs import Inbox, Jobs

DEADLINE_S = 20.0


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def jobs(inbox):
    jobs = Jobs(inbox.deliver)
    yield jobs
    jobs.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("auralscope-")]


@pytest.fixture
def until(inbox):
    def until(condition):
        assert inbox.wait_for(condition, DEADLINE_S), "waited in vain"

    return until


def test_a_result_is_delivered_on_the_owners_thread_and_work_is_done_on_another(jobs, until):
    seen = {}

    def work(_job):
        seen["worker"] = threading.current_thread()
        return 42

    def done(result):
        seen["result"], seen["owner"] = result, threading.current_thread()

    job = jobs.start("a", work, done=done)
    until(lambda: job.finished)
    assert seen["result"] == 42
    assert seen["owner"] is threading.current_thread()
    assert seen["worker"] is not threading.current_thread()
    assert jobs.running == []


def test_parts_come_in_order_and_then_the_result(jobs, until):
    def work(_job):
        yield "one"
        yield "two"
        return "end"

    heard = []
    job = jobs.start("a", work, each=heard.append, done=heard.append)
    until(lambda: job.finished)
    assert heard == ["one", "two", "end"]


def test_urgent_work_runs_between_the_parts_of_a_job(jobs, until):
    begun, go_on = threading.Event(), threading.Event()
    heard = []

    def long_work(_job):
        yield 0
        begun.set()
        assert go_on.wait(DEADLINE_S)
        yield from range(1, 4)

    long_job = jobs.start("a", long_work, each=heard.append)
    assert begun.wait(DEADLINE_S)
    jobs.start("a", lambda _job: "equal", done=heard.append)
    jobs.start("a", lambda _job: "urgent", urgency=1, done=heard.append)
    go_on.set()
    until(lambda: "equal" in heard)
    assert long_job.finished
    assert heard == [0, 1, "urgent", 2, 3, "equal"]


def test_lanes_do_not_wait_for_each_other(jobs, until):
    release = threading.Event()
    slow = jobs.start("a", lambda _job: release.wait(DEADLINE_S))
    quick = jobs.start("b", lambda _job: None)
    until(lambda: quick.finished)
    assert not slow.finished
    release.set()
    until(lambda: slow.finished)


def test_overtaken_work_is_never_delivered(jobs, until):
    begun, release = threading.Event(), threading.Event()
    heard = []

    def first(_job):
        begun.set()
        release.wait(DEADLINE_S)
        return "first"

    old = jobs.start("a", first, key="view", done=heard.append)
    assert begun.wait(DEADLINE_S)
    waiting = jobs.start("a", lambda _job: "second", key="view", done=heard.append)
    last = jobs.start("a", lambda _job: "third", key="view", done=heard.append)
    assert old.cancelled
    assert waiting.cancelled
    assert jobs.running == [last]
    release.set()
    until(lambda: old.finished and waiting.finished and last.finished)
    assert heard == ["third"]


def test_results_of_overtaken_jobs_are_dropped(jobs, inbox, until):
    delivered = threading.Event()
    heard = []

    def work(_job):
        yield "old part"
        delivered.set()

    old = jobs.start("a", work, key="view", each=heard.append, done=heard.append)
    assert delivered.wait(DEADLINE_S)  # it waits in the inbox, which nobody has emptied
    new = jobs.start("a", lambda _job: "new", key="view", done=heard.append)
    until(lambda: old.finished and new.finished)
    assert heard == ["new"]


def test_cancelling_ends_the_work_and_cleans_up(jobs, until):
    begun, cleaned = threading.Event(), threading.Event()
    heard = []

    def work(job):
        try:
            for step in range(10_000_000):
                job.advance(step / 10_000_000)
                begun.set()
        finally:
            cleaned.set()

    job = jobs.start("a", work, title="Counting", done=heard.append, failed=heard.append)
    assert begun.wait(DEADLINE_S)
    jobs.stop(job)
    assert jobs.running == []
    until(lambda: job.finished)
    assert cleaned.is_set()
    assert heard == []


def test_a_cancelled_generator_is_closed(jobs, until):
    begun, release, closed = threading.Event(), threading.Event(), threading.Event()

    def work(_job):
        try:
            yield 1
            begun.set()
            release.wait(DEADLINE_S)
            yield 2
            yield 3
        finally:
            closed.set()

    parts = []
    job = jobs.start("a", work, each=parts.append)
    assert begun.wait(DEADLINE_S)
    until(lambda: parts == [1])
    job.cancel()
    release.set()
    until(lambda: job.finished)
    assert closed.is_set()
    assert parts == [1]


def test_work_that_rests_is_not_begun_when_it_is_cancelled(jobs, until):
    resting, begun = threading.Event(), []

    def work(job):
        resting.set()
        job.rest(60.0)
        begun.append(job)

    job = jobs.start("lane", work)
    assert resting.wait(10.0)
    job.cancel()
    until(lambda: job.finished)
    assert begun == []


def test_progress_is_reported(jobs, until):
    told = []
    jobs.changed.connect(lambda: told.extend(job.progress for job in jobs.running))
    seen = threading.Event()

    def work(job):
        job.advance(0.25)
        job.advance(0.251)  # too little to tell anybody
        job.advance(0.5)
        seen.wait(DEADLINE_S)

    job = jobs.start("a", work, title="Working")
    until(lambda: 0.5 in told)
    seen.set()
    until(lambda: job.finished)
    assert job.progress == 0.5
    assert jobs.running == []


@pytest.mark.parametrize("in_parts", [False, True])
def test_an_auralscope_error_is_delivered_as_its_sentence(jobs, until, in_parts):
    def plain(_job):
        raise AudioFileError("It is broken.")

    def parts(job):
        yield 1
        plain(job)

    heard = []
    job = jobs.start("a", parts if in_parts else plain, done=heard.append, failed=heard.append)
    until(lambda: job.finished)
    assert heard == ["It is broken."]


def test_any_other_error_becomes_a_bug_report_and_the_lane_goes_on(jobs, until, caplog, tmp_path, monkeypatch):
    monkeypatch.setenv("AURALSCOPE_REPORTS", str(tmp_path))
    heard = []
    with caplog.at_level(logging.CRITICAL):
        job = jobs.start("a", lambda _job: 1 / 0, title="Dividing", done=heard.append, failed=heard.append)
        until(lambda: job.finished)
    (report,) = tmp_path.glob("bug-*.txt")
    assert "ZeroDivisionError: division by zero" in report.read_text()
    (sentence,) = heard
    assert sentence.startswith("Dividing failed. This is a bug in AuralScope: ZeroDivisionError: division by zero.")
    assert str(report) in sentence
    job = jobs.start("a", lambda _job: "fine", done=heard.append)
    until(lambda: job.finished)
    assert heard[-1] == "fine"


def test_close_cancels_everything_and_waits_for_the_threads(inbox):
    jobs = Jobs(inbox.deliver)
    begun, heard = threading.Event(), []

    def endless(job):
        while True:
            begun.set()
            job.advance(0.5)

    jobs.start("a", endless, done=heard.append, failed=heard.append)
    waiting = jobs.start("a", lambda _job: "never", done=heard.append)
    assert begun.wait(DEADLINE_S)
    jobs.close()
    assert waiting.cancelled
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("auralscope-")]
    inbox.wait_for(lambda: False, 0.0)
    assert heard == []
    late = jobs.start("b", lambda _job: "late", done=heard.append)
    assert late.cancelled
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("auralscope-")]


def test_an_inbox_reports_a_timeout(inbox):
    assert not inbox.wait_for(lambda: False, 0.01)
    assert inbox.wait_for(lambda: True, 0.0)
