"""Models whose weights are not here: which they are, which one is wanted, and getting its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from pathlib import Path

    from auralscope.nn.model import ModelSpec
    from auralscope.session.jobs import Job
    from auralscope.session.session import Session
    from auralscope.weights import State

LANE = "weights"
"""Of its own: nobody waits for somebody else's server."""


class Fetching:
    """What can be had, and what is on the way.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    states : dict of str to State
        By model; empty until `check` is done.
    requested : ModelSpec or None
        The model that was chosen and cannot be opened before its weights are here.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self.states: dict[str, State] = {}
        self.requested: ModelSpec | None = None

    @property
    def job(self) -> Job | None:
        """The weights that are on the way."""
        return next((job for job in self._session.jobs.running if job.key == "weights"), None)

    def check(self) -> None:
        """Find out which models' weights are here."""
        specs = self._session.specs

        def find(_job: Job) -> dict[str, State]:
            from auralscope import weights

            return {spec.id: weights.state(spec) for spec in specs}

        def found(states: dict[str, State]) -> None:
            self.states = states
            self.changed.emit()

        self._session.jobs.start(LANE, find, key="states", done=found, failed=self._session.problem.emit)

    def request(self, spec: ModelSpec) -> None:
        """Offer to get a model's weights; those of another model are not wanted any more."""
        if self.requested is not spec:
            self._session.jobs.cancel("weights")
        self.requested = spec
        self.states[spec.id] = "available"
        self.changed.emit()

    def opened(self, spec: ModelSpec) -> None:
        """A model was opened: its weights are here, and no others are wanted any more."""
        if self.states.get(spec.id) == "available":
            self.states[spec.id] = "installed"
        self.dismiss()

    def dismiss(self) -> None:
        """Nothing is wanted any more."""
        self._session.jobs.cancel("weights")
        self.requested = None
        self.changed.emit()

    def cancel(self) -> None:
        """Stop getting; the offer stays."""
        if self.job is not None:
            self._session.jobs.stop(self.job)

    def get(self, source: Path | None = None) -> None:
        """Get the weights of the model that is wanted, and open it.

        Parameters
        ----------
        source : Path, optional
            The published file on this machine; from its authors' address unless given.
        """
        spec = self.requested
        if spec is None:
            return

        def fetch(job: Job) -> None:
            from auralscope import download as store

            store.get(spec, source, job.advance)

        def fetched(_: None) -> None:
            self.states[spec.id] = "installed"
            self.requested = None
            self.changed.emit()
            self._session.load_model(spec.id)

        self._session.jobs.start(
            LANE,
            fetch,
            title=f"Getting the weights of {spec.title}",
            key="weights",
            done=fetched,
            failed=self._session.problem.emit,
        )
