"""The stages of the main job, in order. A DAG task and a CLI verb call the same function."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import ModuleType
from typing import Any, cast

from segmentry.errors import UsageError
from segmentry.settings import Settings


@dataclass(frozen=True)
class RunContext:
    """What a stage is given: where things live, the run's clock, and options of the caller.

    as_of: naive UTC; None means the clock stored in the lake (``segmentry.clock``). retrain: train
    models even when their champions are fresh.
    """

    settings: Settings
    as_of: datetime | None = None
    retrain: bool = False


@dataclass(frozen=True)
class StageReport:
    """What a stage did. rows: relation or destination to rows; notes: lines an operator should
    read.

    is_incomplete: something could not be read, as the notes state. The job goes on without it and
    ends with exit status 1, so that an operator looks.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    status: str = "done"
    seconds: float = 0.0
    is_incomplete: bool = False


def _writing(settings: Settings) -> AbstractContextManager[None]:
    from segmentry import (
        warehouse,
    )  # imports the database driver, which no parse of a DAG should pay for

    return warehouse.writing(settings)


def _published() -> ModuleType:
    from segmentry import published  # as above

    return published


StageFunction = Callable[[RunContext], StageReport]
ItemFunction = Callable[[RunContext, str], StageReport]


@dataclass(frozen=True)
class Stage:
    """One step of the main job.

    entry: ``module:function`` in the stage's room, called with the context (and the item, where
    items is set). items: ``module:function`` giving the items the stage is mapped over.
    writes_lake: writes for most of its time, and is the lake's writer from its beginning to its
    end; others compute alongside each other and write at their end. minutes: time limit of one
    task. is_isolated: a failed item does not stop the stages that follow. is_optional: it does not
    fail the stage either: the item's earlier result stays in use, and the job ends with exit status
    1.
    """

    name: str
    dag: str
    entry: str
    items: str | None = None
    writes_lake: bool = True
    minutes: int = 30
    is_isolated: bool = False
    is_optional: bool = False

    def item_names(self, context: RunContext) -> list[str]:
        """Items the stage is mapped over; empty for a plain stage."""
        return cast("list[str]", resolve(self.items)(context)) if self.items else []

    def run(self, context: RunContext, item: str | None = None) -> StageReport:
        """Run the stage, or one item of a mapped stage, and time it."""
        started = time.monotonic()
        function = resolve(self.entry)
        with _writing(context.settings) if self.writes_lake else nullcontext():
            if self.writes_lake and self.dag in BUILDING:
                _published().pin(context.settings)
            report = cast(
                StageReport, function(context) if item is None else function(context, item)
            )
            if self.name == LAST_GATE:
                _published().publish(context.settings)
        return replace(report, seconds=time.monotonic() - started)


STAGES: tuple[Stage, ...] = (
    Stage("load", "ingest", "sources.stages:load", items="sources.stages:load_items"),
    Stage("staging", "ingest", "sources.stages:staging"),
    Stage("gate_raw", "ingest", "expectations.stages:gate_raw"),
    Stage("clock", "build", "segmentry.clock:decide"),
    Stage("identity", "build", "identity.stages:resolve"),
    Stage("marts", "build", "segmentry.layers:marts"),
    Stage("texts", "build", "ml.texts:tag"),
    Stage("features", "build", "segmentry.layers:features"),
    Stage("gate_features", "build", "expectations.stages:gate_features"),
    Stage(
        "train",
        "score",
        "ml.stages:train",
        items="ml.stages:train_items",
        writes_lake=False,
        minutes=60,
        is_optional=True,
    ),
    Stage(
        "score",
        "score",
        "ml.stages:score",
        items="ml.stages:score_items",
        writes_lake=False,
        is_optional=True,
    ),
    Stage("profiles", "publish", "segmentry.layers:profiles"),
    Stage("segments", "publish", "segments.stages:segments"),
    Stage("gate_memberships", "publish", "expectations.stages:gate_memberships"),
    Stage("memberships", "publish", "segments.stages:memberships"),
    Stage("serve", "publish", "live.store.feed:serve", writes_lake=False),
    Stage("audiences", "publish", "activation.stages:audiences"),
    Stage("gate_audiences", "publish", "expectations.stages:gate_audiences"),
    Stage(
        "sync",
        "activate",
        "activation.stages:sync",
        items="activation.stages:sync_items",
        writes_lake=False,
        is_isolated=True,
    ),
    Stage("acknowledge", "activate", "activation.stages:acknowledge"),
    Stage("measure", "observe", "experiments.stages:measure"),
    Stage("observe", "observe", "segmentry.layers:observability"),
)

# DAGs whose stages build what readers see once the last gate has passed.
BUILDING = frozenset({"build", "score", "publish"})
LAST_GATE = "gate_audiences"

# The DAG whose stages call destinations.
SENDING = "activate"

# Not in the order: it runs when the job stops before its syncs, and sends withdrawals alone.
WITHDRAWALS = Stage("withdrawals", "activate", "activation.stages:withdrawals")

# DAGs of the main job in the order in which each one's assets trigger the next.
DAGS: tuple[str, ...] = tuple(dict.fromkeys(stage.dag for stage in STAGES))


def resolve(entry: str) -> Callable[..., Any]:
    """Import ``module:function``; heavy rooms are imported only when their stage runs."""
    module, _, name = entry.partition(":")
    return cast("Callable[..., Any]", getattr(importlib.import_module(module), name))


def sends_after(stage: Stage) -> bool:
    """Whether the job that stops at this stage has not begun to send: then withdrawals are sent by
    themselves.
    """
    names = [known.name for known in STAGES]
    return stage.name in names and names.index(stage.name) < names.index("sync")


def stage_named(name: str) -> Stage:
    """The stage of that name, or UsageError naming those there are."""
    for stage in (*STAGES, WITHDRAWALS):
        if stage.name == name:
            return stage
    raise UsageError(
        f"there is no stage '{name}'",
        allowed=", ".join(stage.name for stage in STAGES),
        remedy="use one of these names; add + to run what comes after it too",
    )


def select(
    selection: str | None, until: str | None = None, *, sends: bool = True
) -> tuple[Stage, ...]:
    """Stages for ``--select``: all, one (``score``), or one and those behind it (``score+``).

    until: the last of them to run. sends: whether the stages that call destinations are among them.
    UsageError where nothing is left.
    """
    chosen = _selected(selection)
    if until is not None:
        last = stage_named(until)
        if last not in chosen:
            raise UsageError(
                f"--until {until} is not among the stages to run",
                allowed=", ".join(stage.name for stage in chosen),
                remedy="name one of these stages, or leave --until or --select out",
            )
        chosen = chosen[: chosen.index(last) + 1]
    if not sends:
        chosen = tuple(stage for stage in chosen if stage.dag != SENDING)
        if not chosen:
            raise UsageError(
                "--no-send leaves no stage to run",
                allowed="a stage of another DAG than " + SENDING,
                remedy=(
                    "leave --no-send out; `segmentry sync plan` shows what would be sent and sends"
                    " nothing"
                ),
            )
    return chosen


def _selected(selection: str | None) -> tuple[Stage, ...]:
    if not selection:
        return STAGES
    first = stage_named(selection.removesuffix("+"))
    if not selection.endswith("+") or first is WITHDRAWALS:
        return (first,)
    return STAGES[STAGES.index(first) :]
