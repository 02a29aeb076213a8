"""Find models whose weights are not on this machine, and download the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auralscope.nn.model import ModelSpec
    from auralscope.session.jobs import Job, Jobs
    from auralscope.weights import State

LANE = "weights"
"""Separate lane: a slow download must not block other jobs."""


class Fetching:
    """The state of every model's weights, and the one download.

    Attributes
    ----------
    states : dict of str to State
        By model; empty until `check` is done.
    requested : ModelSpec or None
        The model that the user chose, or that is offered, and that cannot be opened before its weights are fetched.
    """

    changed = Signal()
    """Emitted when a state, the request or the download has changed."""

    def __init__(self, jobs: Jobs, problem: Callable[[str], None], load_model: Callable[[str], None]) -> None:
        self._jobs = jobs
        self._problem = problem
        self._load_model = load_model
        self.states: dict[str, State] = {}
        self.requested: ModelSpec | None = None
        self._offered: ModelSpec | None = None
        self._specs: list[ModelSpec] = []

    @property
    def is_offer(self) -> bool:
        """Whether `requested` is offered, and was not chosen by the user."""
        return self.requested is not None and self.requested is self._offered

    @property
    def job(self) -> Job | None:
        """The download, while it runs."""
        return next((job for job in self._jobs.running if job.key == "weights"), None)

    def check(self, specs: list[ModelSpec]) -> None:
        """Find out which models' weights are on this machine."""

        def find(_job: Job) -> dict[str, State]:
            from auralscope import weights

            return {spec.id: weights.state(spec) for spec in specs}

        def found(states: dict[str, State]) -> None:
            self.states, self._specs = states, specs
            self.changed.emit()

        self._jobs.start(LANE, find, key="states", done=found, failed=self._problem)

    def offer(self) -> bool:
        """Offer to fetch a recommended model unless one is here, and return whether it is offered now.

        Nothing is downloaded before `get`.
        """
        from auralscope.weights import HERE

        recommended = [spec for spec in self._specs if spec.recommended]
        missing = [spec for spec in recommended if self.states[spec.id] == "available"]
        if self.requested is not None or not missing or any(self.states[spec.id] in HERE for spec in recommended):
            return False
        self.requested = self._offered = missing[0]
        self.changed.emit()
        return True

    def request(self, spec: ModelSpec) -> None:
        """Offer to fetch a model's weights, and stop fetching those of another model."""
        if self.requested is not spec:
            self._jobs.cancel("weights")
        self.requested, self._offered = spec, None
        self.states[spec.id] = "available"
        self.changed.emit()

    def opened(self, spec: ModelSpec) -> None:
        """Mark a model's weights as installed and dismiss the request."""
        if self.states.get(spec.id) == "available":
            self.states[spec.id] = "installed"
        self.dismiss()

    def dismiss(self) -> None:
        """Withdraw the request and stop the download."""
        self._jobs.cancel("weights")
        self.requested = None
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the download; the request stays."""
        if self.job is not None:
            self._jobs.stop(self.job)

    def get(self, source: Path | None = None) -> None:
        """Fetch the weights of the requested model and open it.

        Parameters
        ----------
        source : Path, optional
            The published file on this machine. Without it the file is downloaded from its authors' address.
        """
        spec = self.requested
        if spec is not None:
            self.fetch(spec, lambda: self._load_model(spec.id), source)

    def fetch(self, spec: ModelSpec, then: Callable[[], object], source: Path | None = None) -> None:
        """Fetch the weights of a model as `get` does, and call `then` when they are installed."""

        def fetch(job: Job) -> None:
            from auralscope import download

            download.get(spec, source, job.advance)

        def fetched(_: None) -> None:
            self.states[spec.id] = "installed"
            if self.requested is spec:
                self.requested = None
            self.changed.emit()
            then()

        self._jobs.start(
            LANE,
            fetch,
            title=f"Getting the weights of {spec.title}",
            key="weights",
            done=fetched,
            failed=self._problem,
        )
