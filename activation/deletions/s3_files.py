"""Files in S3: the current file is written again without the people."""

from __future__ import annotations

from activation.deletion import FileRemoval

DELETION = FileRemoval()
