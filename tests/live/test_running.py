"""One engine per home, and what is reported where none has run."""

from __future__ import annotations

import pytest

from live import checking, running, state
from segmentry.errors import NotReadyError, UsageError
from segmentry.settings import Settings


def test_a_second_engine_in_a_home_is_refused(home: Settings) -> None:
    with running.only_engine(home):
        assert running.is_running(home)
        with pytest.raises(UsageError, match="one engine per home"), running.only_engine(home):
            pass
    assert not running.is_running(home)


def test_a_home_without_a_batch_is_refused_and_nothing_is_left(home: Settings) -> None:
    with pytest.raises(NotReadyError, match="segmentry run"):
        list(running.once(home))
    assert not state.file_of(home).exists()


def test_status_and_check_state_what_to_run_first(home: Settings) -> None:
    with pytest.raises(NotReadyError, match="segmentry live run"):
        running.status(home)
    with pytest.raises(NotReadyError, match="segmentry live run"):
        checking.compare(home)
