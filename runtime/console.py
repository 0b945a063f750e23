"""Where programs of the runtime and the command line tell an operator how a job goes: standard
error.
"""

from __future__ import annotations

from rich.console import Console

# Messages carry paths and received values: brackets in them are not markup, and a line is not cut
# at 80 characters.
errors = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
