"""The model with which the window opens, and the offer to get a better one at the first start."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtCore import QSettings

    from auralscope.session.jobs import Job
    from auralscope.session.session import Session

LAST = "model/last"
ANSWERED = "model/offer answered"


class FirstModel:
    """Load the model that was used last, or another one; see `auralscope.catalogue.first_model`.

    A model that was opened without being chosen is not remembered, so that a recommended one replaces it once its
    weights are installed. Where none is installed, the window offers to get one until the offer is answered.

    Parameters
    ----------
    session : Session
    settings : QSettings
        Keep the id of the model that was used last, and whether the offer was answered.
    """

    def __init__(self, session: Session, settings: QSettings) -> None:
        self._session = session
        self._settings = settings
        self._is_automatic = False
        self._unchosen: str | None = None
        self._is_offered = False
        session.fetching.changed.connect(self._fetching_changed)

    def load(self) -> None:
        """Load the first model."""
        session, last = self._session, str(self._settings.value(LAST, ""))
        self._is_automatic = True

        def choose(_job: Job) -> str:
            from auralscope.catalogue import first_model

            return first_model(last)

        session.jobs.start("model", choose, key="load", urgency=2, done=session.load_model, failed=session.problem.emit)

    def model_changed(self) -> None:
        """Remember the model that the user has chosen, or offer another in place of the first one."""
        model = self._session.model
        if model is None:
            return
        if self._is_automatic and self._unchosen is None:
            self._unchosen = model.spec.id
        elif model.spec.id != self._unchosen:
            self._unchosen = ""
            self._settings.setValue(LAST, model.spec.id)
        self._offer()

    def _fetching_changed(self) -> None:
        if self._is_offered and not self._session.fetching.is_offer:
            self._is_offered = False
            self._settings.setValue(ANSWERED, True)
        else:
            self._offer()

    def _offer(self) -> None:
        """Offer a recommended model once the first model is there."""
        answered = str(self._settings.value(ANSWERED, "")).lower() == "true"
        if self._is_automatic and not answered and self._session.model is not None and not self._is_offered:
            self._is_offered = True
            self._is_offered = self._session.fetching.offer()
