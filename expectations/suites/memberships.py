"""No more memberships change at once than is usual: a fault of the clock or of a source moves many
people together.
"""

from __future__ import annotations

from collections.abc import Sequence

from expectations.suite import Rule, Suite, Table, View

RELATION = "segments.membership_changes"
_ALL = "(all segments)"


def tables(view: View) -> Sequence[Table]:
    """What publishing would change, per segment and of all together; new and changed definitions
    are left out.
    """
    view.require(RELATION, made_by="segments")
    limits = view.policies["memberships"]
    share = float(limits["max_changed_share"])
    least = int(limits["min_members"])
    columns = "segment, members, entries, exits, max_changed_share, as_of"
    compared = f"select {columns} from lake.{RELATION} where is_compared"
    query = f"""
        {compared}
        union all
        select '{_ALL}', sum(members), sum(entries), sum(exits), null, max(as_of) from ({compared})
            having count(*) > 0
    """
    changed = (
        f"members >= {least} and entries + exits > coalesce(max_changed_share, {share}) * members"
    )
    moved = _moved(view)
    rules = [
        Rule(f"at most {share:.0%} of the memberships of all segments change at once{moved}",
             f"segment = '{_ALL}' and {changed}"),
        Rule(f"at most {share:.0%} of a segment's memberships, or its max_changed_share, change at"
            f" once{moved}",
             f"segment <> '{_ALL}' and {changed}"),
    ]  # fmt: skip
    key = (
        "segment || ': ' || entries || ' in and ' || exits || ' out of ' || members || ' at ' ||"
        " as_of"
    )
    return [Table(RELATION, row_key=key, unique=("segment",), rules=rules, query=query)]


def _moved(view: View) -> str:
    """What may have moved them: the clock, from the newest change that is published to that of this
    run.
    """
    clocks = f"select max(changed_last_at), max(as_of) from lake.{RELATION} where is_compared"
    row = view.lake.execute(clocks).fetchone()
    if row is None or row[0] is None or row[0] == row[1]:
        return " (the clock has not moved)"
    return f" (as_of moves from {row[0].isoformat()} to {row[1].isoformat()})"


SUITE = Suite("memberships", "No more memberships change at once than the policies allow.", tables)
