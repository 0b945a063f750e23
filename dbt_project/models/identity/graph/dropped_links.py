"""Decides which links are dropped where a component would break a limit.

Links are taken level by level, the strongest first. Within a level no link comes first: all are
judged by what the stronger levels have joined, so the result depends on the set of links only. A
link that alone would break a limit is dropped. An identifier whose neighbours together would break
one is shared: it joins none of them, and nobody by a weaker link either. Where a limit breaks and
no single identifier is shared, all links between those who cannot be one person are dropped.

Contacts and accounts that state different birth dates or names are treated like values over a
limit, except by levels that are certain.
"""

from itertools import combinations, groupby

import pyarrow as pa

from identity import differences

# Types of which a value names one record of one system. If such an identifier meets too many of one
# type, that shows nothing of its links to other types; of an address or a browser it does.
_KEYS = {"user_id", "crm_id", "loyalty_id"}
_COLUMNS = (
    "link_id, left_node, right_node, left_type, right_type, is_left_renamed, is_right_renamed,"
    " level, is_ownership, component, is_certain"
)
_TRAITS = ("first_name", "last_name", "birth_date", "gender")
_DIFFERENCE_OF = {"birth_date": "birth_date"}
_WORDS = {
    "birth_date": "different birth dates",
    "name": "different names",
    "review": "a reviewer's decision that they are two",
}
# Among more descriptions the pairs that differ are not computed: all count as different. Two
# hundred are twenty thousand comparisons, a tenth of a second.
_MOST_COMPARED = 200


def model(dbt, session):
    """Refused links with the limit each would break, as an Arrow table."""
    dbt.config(materialized="transient", database="memory")
    policy = (
        dbt.source("identity_policy", "policy_types")
        .project("identifier_type, most_per_profile, most_by_use")
        .fetchall()
    )
    limits = {row[0]: row[1] for row in policy if row[1] is not None}
    by_use = {row[0]: row[2] for row in policy if row[2] is not None}
    compared = {row[0] for row in dbt.source("identity_policy", "policy_differences").fetchall()}
    described = _described(dbt.ref("described_nodes"), compared)
    foes = _foes(dbt.ref("refused_pairs"))
    links = dbt.ref("contested_links").order("component, level, link_id").project(_COLUMNS)
    refused = []
    for component, rows in groupby(_rows(links), key=lambda row: row[9]):
        people = _People(
            limits, by_use, described.get(component, {}), compared, foes.get(component, {})
        )
        for _, level in groupby(rows, key=lambda row: row[7]):
            refused += people.judged(list(level))
    return pa.table(
        {
            name: pa.array([row[at] for row in refused], pa.string())
            for at, name in enumerate(("link_id", "reason", "detail"))
        }
    )


def _rows(links):
    while batch := links.fetchmany(100_000):
        yield from batch


def _described(statements, compared):
    """What is stated of the person of each node, by component; nothing that is not compared."""
    found = {}
    rows = statements.project(f"component, node, {', '.join(_TRAITS)}").fetchall()
    for component, node, *values in rows:
        stated = found.setdefault(component, {}).setdefault(node, tuple(set() for _ in _TRAITS))
        for known, value in zip(stated, values, strict=True):
            known.update({value} - {None})
    unused = [
        at for at, trait in enumerate(_TRAITS) if _DIFFERENCE_OF.get(trait, "name") not in compared
    ]
    for nodes in found.values():
        for stated in nodes.values():
            for at in unused:
                stated[at].clear()
    return {
        component: {node: differences.person(*stated) for node, stated in nodes.items()}
        for component, nodes in found.items()
    }


def _foes(pairs):
    """Nodes that a reviewer found to be another person than a node, by component."""
    found = {}
    for component, left, right in pairs.project("component, left_node, right_node").fetchall():
        of = found.setdefault(component, {})
        of.setdefault(left, set()).add(right)
        of.setdefault(right, set()).add(left)
    return found


class _People:
    """The people of one component: identifiers that are joined so far, by union-find."""

    def __init__(self, limits, by_use, described, compared, foes):
        self.limits = limits
        self.by_use = by_use
        self.described = described
        self.compared = compared
        self.foes = foes
        self.is_certain = False
        self.stated = {}
        self.reviewed = {}
        self.has_key = {}
        self.parent = {}
        self.counts = {}
        self.kinds = {}
        # What is shared: an identifier with all others, or a key with those of one type; and why.
        self.shared = {}

    def judged(self, links):
        """Refused links of one level; the others join their identifiers."""
        self.is_certain = all(link[10] for link in links)
        for _, left, right, left_type, right_type, left_renamed, right_renamed, *_ in links:
            self._enter(left, left_type, left_renamed)
            self._enter(right, right_type, right_renamed)
        refused = []
        opened = []
        for link in links:
            reason = self._reason(link)
            if reason:
                refused.append((link[0], *reason))
            elif self._root(link[1]) != self._root(link[2]):
                opened.append(link)
        self.shared.update(self._found_shared(opened))
        left = []
        for link in opened:
            reason = self._shared_end(link)
            if reason:
                refused.append((link[0], *reason))
            else:
                left.append(link)
        return refused + self._join(left)

    def _enter(self, node, kind, is_renamed):
        """A new node counts for its type, unless the type has no limit or it was renamed."""
        if node not in self.parent:
            self.parent[node] = node
            self.kinds[node] = kind
            is_counted = (kind in self.limits or kind in self.by_use) and not is_renamed
            self.counts[node] = {kind: 1} if is_counted else {}
            self.stated[node] = self.described.get(node)
            self.reviewed[node] = {node} if node in self.foes else set()
            self.has_key[node] = kind in _KEYS

    def _root(self, node):
        parent = self.parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def _unite(self, one, other):
        one = self._root(one)
        other = self._root(other)
        if one == other:
            return
        if sum(self.counts[one].values()) < sum(self.counts[other].values()):
            one, other = other, one
        self.parent[other] = one
        self.counts[one] = _total([self.counts[one], self.counts.pop(other)])
        self.stated[one] = differences.merged(self.stated[one], self.stated.pop(other))
        self.reviewed[one] = self.reviewed[one] | self.reviewed.pop(other)
        self.has_key[one] = self.has_key[one] or self.has_key.pop(other)

    def _reason(self, link):
        """Why a link cannot join, by what stronger links have joined; None if it can."""
        left = self._root(link[1])
        right = self._root(link[2])
        if left == right:
            return None
        if shared := self._shared_end(link):
            return shared
        broken = self._broken(_total([self.counts[left], self.counts[right]]))
        if broken:
            return f"limit_{broken[0]}", f"together {_limit(*broken)}"
        trait = self._difference([left, right])
        return trait and (f"differs_{trait}", _WORDS[trait])

    def _difference(self, people):
        """The trait (of the first two by their values) in which some of these people differ."""
        if self.is_certain:
            return None
        if self._are_refused(people):
            return "review"
        # Two who state the same never differ.
        stated = {self.stated[one] for one in people} - {None}
        for one, other in combinations(sorted(stated), 2):
            trait = differences.difference(one, other)
            if trait in self.compared:
                return trait
        return None

    def _shared_end(self, link):
        for node, other_type in ((link[1], link[4]), (link[2], link[3])):
            kind = self.kinds[node]
            detail = self.shared.get((node, other_type if kind in _KEYS else None))
            if detail:
                return f"shared_{kind}", detail
        return None

    def _are_refused(self, people):
        """Whether a reviewer found two contacts of different ones of these to be two people."""
        of = {node: one for one in people for node in self.reviewed[one]}
        return any(of.get(foe, one) != one for node, one in of.items() for foe in self.foes[node])

    def _found_shared(self, links):
        """Identifiers that would bring together more than one person may have."""
        near = {}
        for _, left, right, left_type, right_type, _, _, _, is_ownership, *_ in links:
            near.setdefault(left, []).append((right, right_type, is_ownership))
            near.setdefault(right, []).append((left, left_type, is_ownership))
        found = {}
        for node, others in near.items():
            people = {self._root(other) for other, *_ in others}
            everyone = {self._root(node), *people}
            broken = self._broken(_total([self.counts[one] for one in everyone])) or self._overused(
                {self._root(other) for other, _, is_ownership in others if not is_ownership}
            )
            trait = None if broken else self._difference(everyone)
            if not broken and not trait:
                continue
            what = _limit(*broken) if broken else _WORDS[trait]
            detail = f"shared by {len(people)} people with {what}"
            types = {kind for _, kind, _ in others} if self.kinds[node] in _KEYS else {None}
            found.update({(node, kind): detail for kind in types})
        return found

    def _broken(self, counts):
        """The first type (by name) that has too many values, with their number and the limit."""
        return min(
            ((k, n, self.limits[k]) for k, n in counts.items() if n > self.limits.get(k, n)),
            default=None,
        )

    def _overused(self, people):
        """The same for people who are brought together by links that prove no ownership."""
        if len(people) <= min(self.by_use.values(), default=len(people)):
            return None
        having = {kind: sum(kind in self.counts[one] for one in people) for kind in self.by_use}
        return min(
            ((k, n, self.by_use[k]) for k, n in having.items() if n > self.by_use[k]), default=None
        )

    def _join(self, links):
        """Join what these links join, but not where a limit breaks; returns what is refused."""
        near = {}
        for link in links:
            left = self._root(link[1])
            right = self._root(link[2])
            near.setdefault(left, set()).add(right)
            near.setdefault(right, set()).add(left)
        refused = {}
        pairs = []
        for members in _components(near):
            total = _total([self.counts[one] for one in members])
            broken = self._broken(total)
            trait = None if broken else self._difference(members)
            if not broken and not trait:
                pairs += [(members[0], one) for one in members[1:]]
                continue
            kinds = {k for k in total if self._broken({k: total[k]})}
            ends = self._loose_ends(members, near, self._fixed(members, kinds, bool(trait)))
            pairs += ends.items()
            why = (
                (f"limit_{broken[0]}", f"together {_limit(*broken)}") if broken
                else (f"differs_{trait}", _WORDS[trait])
            )  # fmt: skip
            refused.update({one: (why, trait) for one in members if one not in ends})
        found = [
            (link, *refused[self._root(link[1])])
            for link in links
            if self._root(link[1]) in refused and self._root(link[2]) in refused
        ]
        answer = [(link[0], *self._named(link, why, trait)) for link, why, trait in found]
        for one, other in pairs:
            self._unite(one, other)
        return answer

    def _named(self, link, why, trait):
        """An address or a browser between people who differ is shared from this level on."""
        between = [node for node in link[1:3] if trait and self.kinds[node] not in _KEYS]
        for node in between:
            self.shared[(node, None)] = f"shared by people with {_WORDS[trait]}"
        return self._shared_end(link) if between else why

    def _fixed(self, members, kinds, is_different):
        """Members that are no loose ends: with one of these types, or who differ from another."""
        stated = {self.stated[one] for one in members} - {None}
        if self.is_certain or len(stated) > _MOST_COMPARED:
            different = set() if self.is_certain else stated
        else:
            different = {
                one
                for pair in combinations(stated, 2)
                if differences.difference(*pair) in self.compared
                for one in pair
            }
        return {
            one
            for one in members
            if not kinds.isdisjoint(self.counts[one])
            or self.stated[one] in different
            or self.reviewed[one]
            or (is_different and self.has_key[one])
        }

    def _loose_ends(self, members, near, fixed):
        """Members that hang on one other and are not fixed, with that other one."""
        degrees = {one: len(near[one]) for one in members}
        waiting = [one for one in members if degrees[one] == 1 and one not in fixed]
        ends = {}
        while waiting:
            one = waiting.pop()
            (other,) = (x for x in near[one] if x not in ends)
            ends[one] = other
            degrees[other] -= 1
            if degrees[other] == 1 and other not in fixed:
                waiting.append(other)
        return ends


def _components(near):
    seen = set()
    for start in near:
        if start in seen:
            continue
        seen.add(start)
        members = [start]
        for node in members:
            new = near[node] - seen
            seen |= new
            members += new
        yield members


def _total(parts):
    total = {}
    for counts in parts:
        for kind, number in counts.items():
            total[kind] = total.get(kind, 0) + number
    return total


def _limit(kind, number, limit):
    return f"{number} of the type {kind}, limit {limit}"
