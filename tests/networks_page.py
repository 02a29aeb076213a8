"""Write `docs/networks.md`, the list of the networks that the tests try, from the tests that pass.

A test with the mark `network(section, title)` holds the result for one network against a reference; with `refused`, it
holds that the network ends in an error, and the mark gives the reason. A title may name the
test's parameters, or `{id}` for all of them. From the folder of the project::

    python -m pytest tests/nn -m network --write-networks
"""

from __future__ import annotations

from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "networks.md"
HEAD = """# Networks that work, and networks that are refused

`auralscope.deconvolve(network, image, layer)` accepts any `torch.nn.Module`. Each line below is a test. *Exact* means
that the result equals a reference that shares nothing with the engine, up to rounding: Captum for networks of ReLUs,
autograd on a twin in which activations rectify and gates are constant, or a slow implementation in double precision.
*Refused* means an error that names the module or the function, and no picture. This page is written by
`python -m pytest tests/nn -m network --write-networks`.
"""

Row = tuple[str, str, str]
"""Section, title and outcome."""


def row_of(item: pytest.Item) -> Row | None:
    """Return the line of a test, or None if it has no mark."""
    mark = item.get_closest_marker("network")
    if mark is None:
        return None
    section, title = mark.args
    reason = mark.kwargs.get("refused", "")
    call = getattr(item, "callspec", None)
    words = {"id": call.id, **call.params} if call else {}
    outcome = f"refused: {reason}" if reason else mark.kwargs.get("result", "exact")
    return section, title.format(**words), outcome


def page(rows: list[Row]) -> str:
    """Return the page with a table for each section."""
    lines = [HEAD]
    for section in dict.fromkeys(row[0] for row in rows):
        lines += [f"\n## {section}\n\n| Network | Result |\n|---|---|"]
        lines += dict.fromkeys(f"| {title} | {outcome} |" for where, title, outcome in rows if where == section)
    return "\n".join(lines) + "\n"


class Pages:
    """Plugin that collects the lines of the tests that pass."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.failed = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]):
        report = yield
        self.failed |= report.failed
        if report.when == "call" and report.passed and (row := row_of(item)):
            self.rows.append(row)
        return report

    def pytest_sessionfinish(self) -> None:
        if self.rows and not self.failed:
            PAGE.write_text(page(sorted(self.rows, key=lambda row: row[0])), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-networks", action="store_true", help="write docs/networks.md from the tests that pass")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "network(section, title, refused='', result='exact'): one line of docs/networks.md"
    )
    if config.getoption("write_networks"):
        config.pluginmanager.register(Pages())
