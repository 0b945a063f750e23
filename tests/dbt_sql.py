"""Renders models of the dbt project with the project's own macros and runs them on a plain DuckDB
connection.

A dbt run takes seconds; a property test wants hundreds of runs. The SQL is the project's, word for
word: only what dbt itself gives to a model (ref, source, config, run_query, ...) is replaced.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from types import CodeType, SimpleNamespace
from typing import Any

import duckdb
import jinja2
import yaml

from activation import generate
from segmentry import identifiers, places, registry
from segmentry.settings import ROOT, Settings

PROJECT = ROOT / "dbt_project"


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Relation:
    """What ``this`` is to a model."""

    database = "memory"
    schema = ""
    identifier = ""

    def __str__(self) -> str:
        return f"{self.schema}.{self.identifier}"


class Project:
    """The dbt project on one DuckDB connection; a relation of layer L is ``L.name``."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folders: Iterable[str] = ("identity", "portable"),
        undefined: type[jinja2.Undefined] = jinja2.StrictUndefined,
    ) -> None:
        self.connection = connection
        self.target = SimpleNamespace(database="memory")
        identifiers.register(connection)
        places.register(connection)
        self.variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
        self._jinja = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=undefined)
        self._jinja.globals.update(self._given())
        self._macros: dict[str, Any] = {}
        self._config: dict[str, Any] = {}
        self._is_incremental = False
        self.environment: dict[str, str] = {}
        self._templates: dict[str, jinja2.Template] = {}
        # A macro keeps the object that it was loaded with: one object, changed from model to model.
        self._this = _Relation()
        self._jinja.globals["this"] = self._this
        self._jinja.globals["as_of"] = lambda: "(select as_of from observability.clock)"
        texts = [
            # As in dbt, a macro is called through its wrapper, from its own file too.
            re.sub(r"(\{%-?\s*macro )(\w+)", r"\1macro__\2", path.read_text())
            for folder in folders
            for path in sorted((PROJECT / "macros" / folder).glob("*.sql"))
        ]
        texts += [
            re.sub(r"(\{%-?\s*macro )(\w+)", r"\1macro__\2", text)
            for path, text in registry.texts(Settings.from_environment({})).items()
            if path.partition("/")[0] in folders
        ]
        for name in re.findall(r"macro macro__(\w+)", "".join(texts)):
            self._jinja.globals[name] = self._wrapper(name)
        for text in texts:
            self._macros.update(vars(self._template(text).module))

    def use_database(self, name: str) -> None:
        """Name every relation with its database, as dbt does, for what outlives the connection."""
        ref: Any = self._jinja.globals["ref"]
        self._jinja.globals["ref"] = lambda model: f"{name}.{ref(model)}"
        self._jinja.globals["as_of"] = lambda: f"(select as_of from {name}.observability.clock)"

    def render(self, model: str, *, incremental: bool = False) -> str:
        """The SQL of a model, given as ``layer/name``."""
        layer, name = model.split("/")
        self._this.schema = layer
        self._this.identifier = name
        self._is_incremental = incremental
        text = _made_at_run_time().get(name) if layer == "audiences" else None
        if text is None:
            (path,) = (PROJECT / "models" / layer).rglob(f"{name}.sql")
            text = path.read_text()
        return str(self._compiled(text).render(this=self._this))

    def _compiled(self, text: str) -> jinja2.Template:
        if text not in self._templates:
            self._templates[text] = self._template(text)
        return self._templates[text]

    def _template(self, text: str) -> jinja2.Template:
        environment = self._jinja
        return jinja2.Template.from_code(environment, _code(text), environment.make_globals(None))

    def place(self, layer: str, name: str) -> None:
        """Have what is rendered next be that relation."""
        self._this.schema = layer
        self._this.identifier = name

    def compiled(self, text: str) -> str:
        """The SQL of a text that is in no file."""
        return str(self._compiled(text).render(this=self._this))

    def call(self, macro: str, *arguments: Any) -> str:
        """What a macro gives."""
        named: Any = self._jinja.globals[macro]
        return str(named(*arguments))

    def table(self, model: str) -> None:
        """Build a model as a table."""
        self.connection.execute(
            f"create or replace table {model.replace('/', '.')} as {self.render(model)}"
        )

    def append(self, model: str) -> None:
        """Build an incremental model that adds rows, and may make room for them in a hook before
        it.
        """
        relation = model.replace("/", ".")
        if not self._exists(relation):
            self.table(model)
            return
        fresh = self.render(model, incremental=True)
        if hook := self._config.get("pre_hook"):
            self.connection.execute(self._compiled(str(hook)).render())
        self.connection.execute(f"insert into {relation} by name {fresh}")

    def upsert(self, model: str, key: Iterable[str]) -> None:
        """Build an incremental model: first whole, then delete and insert by key."""
        relation = model.replace("/", ".")
        if not self._exists(relation):
            self.table(model)
            return
        self.connection.execute(
            f"create or replace temp table fresh as {self.render(model, incremental=True)}"
        )
        match = " and ".join(f"fresh.{column} = existing.{column}" for column in key)
        self.connection.execute(f"delete from {relation} as existing using fresh where {match}")
        self.connection.execute(f"insert into {relation} by name select * from fresh")

    def clean(self) -> None:
        """Run what the model built last asks for behind it."""
        if hook := self._config.get("post_hook"):
            self.connection.execute(self._compiled(str(hook)).render())

    def python(self, model: str) -> None:
        """Build a Python model."""
        (path,) = (PROJECT / "models" / model.split("/")[0]).rglob(f"{model.split('/')[1]}.py")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        layer = model.split("/")[0]
        dbt = SimpleNamespace(
            config=lambda **_: None,
            ref=lambda name: self.connection.table(self._ref(name)),
            source=lambda _, name: self.connection.table(f"{layer}.{name}"),
        )
        fresh = module.model(dbt, self.connection)
        self.connection.register("fresh_python", fresh)
        self.connection.execute(
            f"create or replace table {model.replace('/', '.')} as select * from fresh_python"
        )
        self.connection.unregister("fresh_python")

    def _ref(self, name: str) -> str:
        ref: Any = self._jinja.globals["ref"]
        return str(ref(name))

    def _given(self) -> dict[str, Any]:
        models = PROJECT / "models"
        schemas = {
            path.stem: path.relative_to(models).parts[0]
            for path in models.rglob("*")
            if path.suffix in {".sql", ".py"}
        }
        schemas |= dict.fromkeys(_made_at_run_time(), "audiences")
        return {
            "ref": lambda name: f"{schemas[name]}.{name}",
            "source": lambda source, name: (
                f"{'identity' if source == 'identity_policy' else source}.{name}"
            ),
            "config": self._configure,
            "is_incremental": lambda: self._is_incremental,
            "var": lambda name: self.variables[name],
            "modules": SimpleNamespace(re=re),
            "execute": True,
            "env_var": lambda name, default: self.environment.get(name, default),
            "target": self.target,
            "flags": SimpleNamespace(WHICH="build", FULL_REFRESH=False),
            "return": _raise,
            "run_query": self._query,
            "tojson": json.dumps,
            "adapter": SimpleNamespace(dispatch=self._dispatch, get_relation=self._relation),
        }

    def _configure(self, **config: Any) -> str:
        self._config = config
        return ""

    def _wrapper(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            try:
                return self._macros[f"macro__{name}"](*arguments, **named)
            except _Return as result:
                return result.value

        return call

    def _dispatch(self, name: str, package: str = "") -> Any:
        return self._jinja.globals[f"default__{name}"]

    def _relation(self, database: str, schema: str, name: str) -> str | None:
        return f"{schema}.{name}" if self._exists(f"{schema}.{name}") else None

    def _exists(self, relation: str) -> bool:
        schema, name = relation.split(".")
        found = self.connection.execute(
            "select 1 from information_schema.tables where table_schema = ? and table_name = ?",
            [schema, name],
        ).fetchone()
        return found is not None

    def _query(self, sql: str) -> Any:
        rows = self.connection.execute(sql).fetchall()
        width = len(self.connection.description or ())
        columns = [
            SimpleNamespace(values=lambda at=at: [row[at] for row in rows]) for at in range(width)
        ]
        return SimpleNamespace(columns=columns, rows=rows)


@cache
def _code(text: str) -> CodeType:
    """The compiled text, which is the same for each project of a process; to compile is a third of
    a small test.
    """
    return jinja2.Environment(extensions=["jinja2.ext.do"]).compile(text)


@cache
def _made_at_run_time() -> dict[str, str]:
    """Name to text of the audience models, which the repository's own configuration gives."""
    texts = generate.texts(Settings.from_environment({}))
    return {
        name.removesuffix(".sql"): text for name, text in texts.items() if name.endswith(".sql")
    }


def _raise(value: Any) -> None:
    raise _Return(value)
