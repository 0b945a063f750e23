"""What dbt's DuckDB connections know besides SQL; dbt_project/profiles.yml names this module."""

from __future__ import annotations

from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from segmentry import identifiers, places


class Plugin(BasePlugin):
    """Registers the functions of `segmentry.identifiers` and `segmentry.places`; dbt-duckdb looks
    for this name.
    """

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Called once for a connection; its cursors share what it knows."""
        identifiers.register(conn, self.shop_country)
        places.register(conn)

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take the shop's country from the profile."""
        self.shop_country = str(plugin_config.get("shop_country") or "") or None
