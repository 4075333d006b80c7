"""The switch: a named test runs once as it is and once with its guard off, and must then fail.

Both belong to every run of the tests. ``--guards`` runs nothing else and prints the table. The guard is off while the
test's body runs and no longer; what it stands on was made with all guards on.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.guards.removals import forget_statements
from tests.guards.table import GUARDS, Guard

_GUARD = pytest.StashKey[Guard]()
_WORDS = {
    (True, True): "passed",
    (True, False): "FAILED",
    (False, True): "failed, as it must",
    (False, False): "UNNOTICED, or an error",
}
_results: dict[tuple[str, bool], str] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--long``: the long profiles of what is drawn by lot. ``--guards``: only the guards, with their table."""
    parser.addoption("--long", action="store_true", help="long profiles of the tests that draw lots")
    parser.addoption("--guards", action="store_true", help="only the tests of the guards, with a table")


def pytest_configure(config: pytest.Config) -> None:
    """With ``--guards`` only the files of the named tests are read."""
    if config.getoption("--guards"):
        config.args[:] = sorted({guard.test.split("::")[0] for guard in GUARDS})


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(
    collector: pytest.Collector, name: str, obj: object
) -> Generator[None, object, object]:
    """Put beside each named test the same test without its guard."""
    made = yield
    if isinstance(made, list):
        for item in list(made):
            made += [_without(item, guard) for guard in GUARDS if guard.test == item.nodeid]
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--guards`` only the named tests, with and without their guards."""
    if config.getoption("--guards"):
        named = {guard.test for guard in GUARDS}
        items[:] = [item for item in items if item.nodeid in named or _GUARD in item.stash]


def _without(item: pytest.Item, guard: Guard) -> pytest.Item:
    assert isinstance(item, pytest.Function)
    twin: pytest.Function = pytest.Function.from_parent(
        item.parent,
        name=f"{item.name}[without guard {guard.name}]",
        callspec=getattr(item, "callspec", None),
        callobj=item.obj,
        fixtureinfo=item._fixtureinfo,
        originalname=item.originalname,
    )
    twin.stash[_GUARD] = guard
    return twin


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run the body of a twin with its guard off."""
    guard = item.stash.get(_GUARD, None)
    if guard is None:
        return (yield)
    try:
        with pytest.MonkeyPatch.context() as patch:
            forget_statements()
            guard.remove(patch)
            return (yield)
    finally:
        forget_statements()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A twin whose body fails has done what it must; one that passes has noticed nothing."""
    report = yield
    guard = item.stash.get(_GUARD, None)
    if guard is not None and call.when == "call":
        if call.excinfo is None:
            report.outcome = "failed"
            report.longrepr = (
                f"Without the guard “{guard.name}” {guard.test} passes: nothing notices its removal."
            )
        elif call.excinfo.errisinstance(AssertionError):
            report.outcome = "passed"
            report.longrepr = None
    if call.when == "call" or report.outcome == "failed":
        tests = [guard] if guard else [one for one in GUARDS if one.test == item.nodeid]
        for one in tests:
            _results[one.name, guard is None] = _WORDS[guard is None, report.outcome == "passed"]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With ``--guards`` a guard whose tests did not run is a failure: the table would be silent about it."""
    if session.config.getoption("--guards") and len(_results) < 2 * len(GUARDS):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """With ``--guards``: what is removed, which test notices, what it promises."""
    if not terminalreporter.config.getoption("--guards"):
        return
    terminalreporter.section("防线 · guards")
    for guard in GUARDS:
        on, off = (_results.get((guard.name, state), "not run") for state in (True, False))
        terminalreporter.write_line(f"{guard.name}")
        terminalreporter.write_line(f"    promise  {guard.promise}")
        terminalreporter.write_line(f"    removed  {guard.removed}")
        terminalreporter.write_line(f"    test     {guard.test}")
        terminalreporter.write_line(f"    on       {on:<10} off  {off}")
    noticed = sum(_results.get((guard.name, False)) == _WORDS[False, True] for guard in GUARDS)
    terminalreporter.write_line(f"{noticed} of {len(GUARDS)} guards: their removal makes the named test fail")
