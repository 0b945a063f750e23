"""A request as a page sees it, and what a page answers with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from console import visits
from console.access import ConsoleVisitor, Role
from console.cells import Relation
from segmentry import published, roles, warehouse
from segmentry.classes import ColumnClass
from segmentry.errors import NotReadyError, UsageError
from segmentry.settings import Settings

# Schemas of what operators look at, which is about the present: runs, syncs and quality.
OPERATIONAL = frozenset({"activation", "measurement", "observability"})

if TYPE_CHECKING:
    import duckdb


@dataclass
class Asked:
    """One request. path: the parts of the address that vary; query and form: the first value of
    each name; several: all values of the form.
    """

    settings: Settings
    visitor: ConsoleVisitor
    path: Mapping[str, str]
    query: Mapping[str, str]
    several: Mapping[str, list[str]]
    closing: ExitStack = field(default_factory=ExitStack)

    @property
    def form(self) -> dict[str, str]:
        """The first value of each name of the form."""
        return {name: values[0] for name, values in self.several.items()}

    @property
    def has_home(self) -> bool:
        """Whether a run has ever begun here: a console creates no lake."""
        if not self.settings.is_embedded:
            return True
        return warehouse.catalog_file(self.settings).exists()

    @cached_property
    def lake(self) -> duckdb.DuckDBPyConnection:
        """The lake as its readers see it; NotReadyError in a home without one."""
        self._require_home()
        return self.closing.enter_context(published.reading(self.settings, has_functions=False))

    @cached_property
    def newest(self) -> duckdb.DuckDBPyConnection:
        """The lake's newest state, for what operators look at; NotReadyError as above."""
        self._require_home()
        reading = warehouse.connect(self.settings, read_only=True, has_functions=False)
        return self.closing.enter_context(reading)

    def _require_home(self) -> None:
        if not self.has_home:
            raise NotReadyError(
                "this home has no data yet",
                allowed="a home in which the main job has run",
                remedy="run `segmentry run`, then open this page again",
            )

    @cached_property
    def as_of(self) -> Any:
        """The clock of the newest run; None before there is one."""
        found = self.read("observability.clock", "ingest", "select as_of from {relation}").rows
        return found[0]["as_of"] if found else None

    def read(
        self, relation: str, stage: str, sql: str, parameters: Sequence[Any] | None = None
    ) -> Relation:
        """Rows of a query in which ``{relation}`` is the relation; where that is missing or of an
        older version, the reason in their place.
        """
        import duckdb

        run = f"run `segmentry run --select {stage}`, or the whole job with `segmentry run`"
        try:
            text = sql.replace("{relation}", f"lake.{relation}")
            schema = relation.partition(".")[0]
            is_newest = schema in OPERATIONAL and relation != "observability.clock"
            lake = self.newest if is_newest else self.lake
            return Relation(warehouse.records(lake, text, parameters))
        except duckdb.CatalogException:
            return Relation(missing=f"{relation} is missing; {run}.")
        except duckdb.BinderException:
            return Relation(missing=f"{relation} is of another version of Segmentry; {run}.")

    def require(self, role: Role, what: str) -> None:
        """Raise NotPermitted unless the visitor's role includes this one."""
        if not self.visitor.may(role):
            raise NotPermitted(
                f"your role, {self.visitor.role.name}, may not {what}",
                allowed=f"the role {role.name}" + ("" if role is Role.engineer else " and above"),
                remedy="ask an engineer for that role, or to do it",
            )

    @cached_property
    def reader(self) -> roles.Reader:
        """What the visitor's role may read as it is."""
        return roles.of_role(self.settings, self.visitor.role.reading)

    def hide(self, value: object) -> Any:
        """A value that names a person, as the visitor's role permits."""
        return self.reader.value(value, ColumnClass.direct_identifier)

    def record_view(self, what: str, profile_id: str) -> None:
        """Write down that the visitor looks at this person."""
        visits.record(self.settings, self.visitor, what, profile_id=profile_id)


class NotPermitted(UsageError):
    """The visitor's role does not include what was asked for."""


@dataclass(frozen=True)
class HtmlAnswer:
    """A template with its values."""

    template: str
    values: Mapping[str, Any]
    status: int = 200


@dataclass(frozen=True)
class Redirection:
    """Another page of the console. href: below its root, with a slash first."""

    href: str


@dataclass(frozen=True)
class Download:
    """A file to keep. kind: its content type. is_shown: a picture of a page, not a download."""

    name: str
    content: bytes
    kind: str = "text/plain; charset=utf-8"
    is_shown: bool = False


PageAnswer = HtmlAnswer | Redirection | Download


@dataclass(frozen=True)
class ConsoleRoute:
    """One address of a page. path: as Starlette writes it. role: who may ask. A POST needs the
    form's word.
    """

    path: str
    function: Callable[[Asked], PageAnswer]
    method: str = "GET"
    role: Role = Role.viewer


@dataclass(frozen=True)
class ConsolePage:
    """One page of the navigation, with all addresses below it. place: its order."""

    title: str
    place: int
    routes: tuple[ConsoleRoute, ...]

    @property
    def href(self) -> str:
        """Where the navigation leads."""
        return self.routes[0].path
