"""Share one window among the tests of a module: the fixture `ready`.

A window takes seconds to open, so a test receives that of the test before, put back as it was. A window that does not
look and stand exactly as at first is closed, and the next test receives a new one.
"""

from __future__ import annotations

import pytest
from driver import Driver, close_all, prepared
from PySide6.QtCore import QEvent, QSettings, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QSpinBox,
    QTabBar,
    QWidget,
)

from auralscope.ui import theme

SIZE = (1280, 720)


def value_of(widget):
    """Return what can be read or set on a widget, or None."""
    if isinstance(widget, QComboBox):
        return widget.currentIndex(), [widget.itemText(row) for row in range(widget.count())]
    if isinstance(widget, QAbstractButton):
        return widget.isChecked(), widget.text()
    if isinstance(widget, QSpinBox):
        return widget.value(), widget.text(), widget.minimum(), widget.maximum()
    if isinstance(widget, QAbstractSlider):
        return widget.value(), widget.maximum()
    if isinstance(widget, QTabBar):
        return (widget.currentIndex(),)
    if isinstance(widget, QAbstractItemView):
        model = widget.selectionModel()
        return widget.currentIndex().row(), [index.row() for index in model.selectedIndexes()] if model else []
    return (widget.text(),) if isinstance(widget, QLabel | QLineEdit) else ()


def widgets_of(page, window):
    """Return the widgets of a window without popups and the label page, or the visible ones of the label page."""
    labels = window.labels_pane
    widgets = [widget for widget in page.findChildren(QWidget) if widget.window() is window]
    if page is labels:
        return [widget for widget in widgets if widget.isVisibleTo(page)]
    return [widget for widget in widgets if widget is not labels and not (labels and labels.isAncestorOf(widget))]


def looks_of(page, window):
    """Return kind, value and, while it is visible, the place of each widget of a page."""
    return [
        (
            type(widget).__name__,
            value_of(widget) if widget.isVisibleTo(page) or not isinstance(widget, QLabel) else None,
            widget.isEnabledTo(page),
            widget.geometry().getRect() if widget.isVisibleTo(page) else None,
        )
        for widget in widgets_of(page, window)
    ]


def put_back(page, window, looks):
    """Set all controls of a page to the values that they had at first."""
    for widget, (kind, value, *_) in zip(widgets_of(page, window), looks, strict=False):
        if type(widget).__name__ != kind or value_of(widget) == value:
            continue
        if isinstance(widget, QComboBox):
            widget.setCurrentIndex(value[0])
            widget.activated.emit(value[0])
        elif isinstance(widget, QAbstractButton):
            if widget.isCheckable() and widget.isChecked() != value[0]:
                (widget.click if widget.isEnabled() else widget.toggle)()
        elif isinstance(widget, QSpinBox | QAbstractSlider):
            widget.setValue(value[0])
        elif isinstance(widget, QLineEdit):
            widget.setText(value[0])
        elif isinstance(widget, QTabBar):
            widget.setCurrentIndex(value[0])


def state_of(driver):
    """Return the state of a window's session, views and settings by name."""
    window, session = driver.window, driver.session
    labels, player = session.labels, session.listening.player
    state = {name: getattr(player, name) for name in ("state", "problem", "source", "loop", "volume", "position_s")}
    state |= {
        name: getattr(labels, name) for name in ("truth", "truth_problem", "selected", "metric", "order", "chosen")
    }
    state |= {key: window.settings.value(key) for key in window.settings.allKeys()}
    return state | {
        "selection": session.selection,
        "features": sorted(session.gallery.features),
        "sound": session.listening.sound,
        "match": session.listening.match_loudness,
        "figures": session.faithfulness.result,
        "requested": session.fetching.requested,
        "unsupported": session.methods.unsupported,
        "tags": session.taggram.tags,
        "field": session.receptive_fields.result,
        "plugins": session.plugins,
        "title": window.windowTitle(),
        "page": window.pages.currentIndex(),
        "size": window.size().toTuple(),
        "time": window.spectrogram.visible_s,
        "frequencies": window.spectrogram.box.viewRange()[1],
        "following": window.spectrogram.following,
        "theme": theme.current(),
        "choice": window.theme_choice,
        "message": driver.message(),
        "pictures": (window.gallery.model.order, window.gallery.model.kind),
        "looks": looks_of(window, window),
    }


class SharedWindow:
    """Window with the excerpt and the genre convnet, used by one test after another."""

    def __init__(self, folder):
        self.folder = folder
        self.driver = None
        self.first = {}
        self.settings = {}
        self.first_labels = None
        self.opened = 0

    def take(self, qtbot):
        """Return a window in its first state: that of the test before, if it can be put back."""
        if self.driver is not None and not self.put_back():
            self.close()
        if self.driver is None:
            self.opened += 1
            settings = QSettings(str(self.folder / f"{self.opened}.ini"), QSettings.Format.IniFormat)
            self.driver = Driver(qtbot, settings).begin()
            self.first = state_of(self.driver)
            self.settings = {key: settings.value(key) for key in settings.allKeys()}
        self.driver.qtbot = qtbot
        return self.driver

    def put_back(self):
        """Put the window back as it was at first; return whether it is."""
        window, session, selection = self.driver.window, self.driver.session, self.first["selection"]
        listening = session.listening
        if not window.isVisible() or session.kernels.kernels or session.other_model.spec is not None:
            return False
        if session.clip is not selection.clip or session.model is not selection.model:
            return False
        for other in QApplication.topLevelWidgets():
            if other is not window and other.isVisible():
                other.close()
        window.activateWindow()
        window.resize(*SIZE)
        window.pages.setCurrentWidget(window.down)
        put_back(window, window, self.first["looks"])
        window.messages.clear()
        window.jobs.say("")
        window.jobs.stop_timers()
        window.jobs.refresh()
        if window.theme_choice != self.first["choice"]:
            window.set_theme(self.first["choice"])
        session.fetching.dismiss()
        listening.stop()
        listening.set_loop(None)
        listening.set_source("original")
        listening.mark(None)
        session.labels.forget_truth()
        session.labels.set_metric(self.first["metric"])
        session.labels.set_order(self.first["order"])
        session.labels.choose(session.model.labels)
        session.labels.select()
        session.set_render(selection.render)
        session.set_rate(selection.rate)
        if session.methods.chosen != selection.method:
            session.choose_method(selection.method)
        session.move_window(selection.window_start_s)
        session.choose_layer(selection.layer)
        session._select(unit=None)
        session.unit_changed.emit()
        listening.to_start()
        window.views.show_all()
        window.gallery.view.clearSelection()
        window.gallery.view.scrollToTop()
        for widget in widgets_of(window, window):
            QApplication.sendEvent(widget, QEvent(QEvent.Type.Leave))
        for key in window.settings.allKeys():
            if key not in self.settings:
                window.settings.remove(key)
        for key, value in self.settings.items():
            window.settings.setValue(key, value)
        self.driver.filled()
        self.driver.idle()
        QApplication.processEvents()
        return state_of(self.driver) == self.first

    def take_labels(self, qtbot):
        """Return a window that shows the label page in its first state."""
        driver = self.take(qtbot)
        self.open_labels()
        page, window = driver.window.labels_pane, driver.window
        if self.first_labels is not None:
            page.tabs.setCurrentIndex(0)
            put_back(page, window, self.first_labels)
            driver.idle()
            if looks_of(page, window) != self.first_labels:
                self.close()
                driver = self.take(qtbot)
                self.open_labels()
        self.first_labels = looks_of(driver.window.labels_pane, driver.window)
        return driver

    def open_labels(self):
        self.driver.until(lambda: self.driver.session.labels.vectors is not None)
        self.driver.key(Qt.Key.Key_V)
        assert self.driver.window.labels_pane.isVisible()
        self.driver.idle()

    def close(self):
        driver, self.driver, self.first_labels = self.driver, None, None
        if driver is not None:
            close_all([driver])


@pytest.fixture(scope="module")
def shared_window(qapp, tmp_path_factory):
    """Return the window that the tests of a module share."""
    shared = SharedWindow(tmp_path_factory.mktemp("window"))
    with prepared(qapp, shared.folder / "no plugins"):
        yield shared
        shared.close()


@pytest.fixture
def ready(qtbot, shared_window):
    """Return an idle window with the excerpt and the genre convnet, which other tests may have used before."""
    return shared_window.take(qtbot)
