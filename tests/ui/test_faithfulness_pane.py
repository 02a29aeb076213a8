"""Tests of the faithfulness pane."""

from __future__ import annotations

from PySide6.QtCore import Qt

from auralscope.session import faithfulness
from auralscope.ui import help as pages
from auralscope.wording import percent


def test_the_verdict_stands_beside_the_feature_and_beside_the_play_button(ready):
    window, session = ready.window, ready.session
    ready.layer("conv3")
    ready.filled()
    pane = window.feature.faithfulness
    assert not pane.details.isEnabled()
    ready.click_unit(session.gallery.layer_result.order[0])
    ready.until(lambda: session.faithfulness.result is not None)
    found = session.window_result.run.faithfulness("conv3", session.unit)
    share = f"{100 * found.own.heard.retention:.0f} %"
    word = faithfulness.verdict(found)
    assert pane.words.text().startswith(f"{word.capitalize()}. Played alone, this sound keeps {share} of the unit's")
    assert window.transport.faithfulness.text() == f"Faithfulness: {word}"
    assert "Retention" in pane.words.toolTip()
    assert "Masked" in pane.words.toolTip()


def test_a_key_or_a_button_opens_the_figures(ready):
    window, session = ready.window, ready.session
    ready.layer("output")
    ready.filled()
    ready.click_unit(0)
    ready.until(lambda: session.faithfulness.result is not None)
    ready.click(window.feature.faithfulness.details)
    (page,) = window.findChildren(pages.Page)
    text = page.text.toPlainText()
    for figure in ("AI, average increase", "AD, average drop", "AG, average gain", "FF, ", "Fid-In"):
        assert figure in text
    assert percent(session.faithfulness.result.probability) in text
    page.close()
    ready.until(lambda: not window.findChildren(pages.Page))
    ready.key(Qt.Key.Key_H)
    assert len(window.findChildren(pages.Page)) == 1


def test_the_verdict_is_empty_until_the_new_layer_is_measured(ready):
    window, session = ready.window, ready.session
    ready.click_unit(session.gallery.layer_result.order[0])
    ready.until(lambda: session.faithfulness.result is not None)
    ready.layer("conv2")
    assert window.feature.faithfulness.words.text() == ""
    assert window.transport.faithfulness.text() == ""
    assert not window.feature.faithfulness.details.isEnabled()
