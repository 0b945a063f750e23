"""Prints the progress of a job for an operator, on standard error: for programs of the runtime and
the command line.
"""

from __future__ import annotations

from rich.console import Console

# Messages carry paths and received values: brackets in them are not markup, and a line is not cut
# at 80 characters.
errors = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
