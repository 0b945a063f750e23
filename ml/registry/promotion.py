"""Champion and challenger: gates a challenger must pass, and the one step that makes it
champion.
"""

from __future__ import annotations

from ml.registry import kept
from ml.registry.protocols import ModelVersion
from ml.registry.tracking import Tracker

ROLLED_BACK = "segmentry.rolled_back"  # tag of a version that was champion and is not to be again


def is_settled(version: ModelVersion, champion: ModelVersion | None) -> bool:
    """Whether there is nothing to decide: the version is champion, older than the champion, or was
    rolled back.
    """
    if version.tags.get(ROLLED_BACK):
        return True
    if champion is None or champion.version == kept.RULE:
        return False
    return int(champion.version) >= int(version.version)


def promote(tracker: Tracker, version: ModelVersion, why: str) -> bool:
    """Make the version champion and keep the former one for rollback; False when it already is."""
    former = tracker.at_alias("champion")
    if former is not None and former.version == version.version:
        return False
    if former is not None:
        tracker.client.set_registered_model_alias(tracker.registered, "previous", former.version)
    tracker.client.set_model_version_tag(
        tracker.registered, version.version, "segmentry.promoted_because", why
    )
    tracker.client.set_registered_model_alias(tracker.registered, "champion", version.version)
    return True
