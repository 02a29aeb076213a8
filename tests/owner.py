"""Session whose event loop is the test itself."""

from __future__ import annotations

from auralscope.session.jobs import Inbox
from auralscope.session.session import Session

DEADLINE_S = 60.0


class Owner:
    """Session with an inbox as its event loop, and a record of its messages."""

    def __init__(self):
        self.inbox = Inbox()
        self.session = Session(self.inbox.deliver, "cpu")
        self.problems, self.said, self.failed = [], [], []
        self.session.problem.connect(self.problems.append)
        self.session.notice.connect(self.said.append)
        self.session.open_failed.connect(self.failed.append)

    def until(self, condition):
        assert self.inbox.wait_for(condition, DEADLINE_S), (
            f"the condition did not hold within {DEADLINE_S:g} s; problems: {self.problems}"
        )

    def idle(self):
        self.until(lambda: not self.session.jobs.running)

    def open(self, path):
        before = self.session.clip
        self.session.open(path)
        self.until(lambda: self.session.clip is not before)

    def load(self, model_id="genre-convnet"):
        before = self.session.model
        self.session.load_model(model_id)
        self.until(lambda: self.session.model is not before)
