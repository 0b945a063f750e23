"""A refresh: what arrived since the last one becomes memberships and audiences within minutes.

It runs stages of the main job and nothing of its own, so the two cannot disagree. Models are not
trained and do not score: their newest scores apply. `segmentry refresh` and the DAG `refresh` call
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from segmentry import freshness, jobs, sync_files
from segmentry.jobs import DONE, StageOutcome
from segmentry.stages import SENDING, STAGES, WITHDRAWALS, RunContext, Stage

NAME = "refresh"
NOTHING = "nothing has arrived and nothing has changed since the last refresh"
# Texts, scores, and what is measured and observed are those of the newest main job.
LEFT_OUT = frozenset({"texts", "train", "score", "measure", "observe"})
_ENTRIES = {"sync": "activation.stages:refreshed_sync"}


def stages(*, sends: bool = True) -> tuple[Stage, ...]:
    """The stages of a refresh, in the order of the main job. sends: with those that call
    destinations.
    """
    return tuple(
        replace(stage, entry=_ENTRIES.get(stage.name, stage.entry))
        for stage in STAGES
        if stage.name not in LEFT_OUT and (sends or stage.dag != SENDING)
    )


def run(context: RunContext, chosen: Sequence[Stage]) -> Iterator[StageOutcome]:
    """Run the stages, giving each outcome as it comes; where nothing has arrived, that alone.

    A killed refresh leaves no mark, so the next one starts over from what is in the lake. The job's
    lock is the caller's.
    """
    settings = context.settings
    is_failed = False
    (load, *rest) = chosen
    for outcome in jobs.run([load], context):
        is_failed = is_failed or outcome.state != DONE
        yield outcome
    if not is_failed and freshness.is_refreshed(settings, NAME):
        yield StageOutcome(NAME, notes=(NOTHING,))
        yield from jobs.run(_waiting(context, chosen), context)
        return
    read_from = freshness.snapshot(settings)
    for outcome in _rest(context, chosen, rest, is_failed):
        is_failed = is_failed or outcome.state != DONE
        yield outcome
    if not is_failed:
        freshness.mark(settings, NAME, read_from)


def _waiting(context: RunContext, chosen: Sequence[Stage]) -> list[Stage]:
    """The sending stages, if a sync runs in every refresh: it may have rows that waited for the end
    of quiet hours or for a vendor.
    """
    syncs = sync_files.load_each(context.settings)[0].values()
    is_any = any(sync.is_refreshed for sync in syncs)
    return [stage for stage in chosen if is_any and stage.dag == SENDING]


def _rest(
    context: RunContext, chosen: Sequence[Stage], rest: Sequence[Stage], is_stopped: bool
) -> Iterator[StageOutcome]:
    """A source that cannot be reached stops the refresh, and still delays no removal of people who
    opted out.
    """
    if not is_stopped:
        yield from jobs.run(rest, context)
    elif any(stage.name == "sync" for stage in chosen):
        yield jobs.attempt(WITHDRAWALS, context)
