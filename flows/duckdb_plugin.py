"""Where profiles.yml of earlier versions has the plugin, which is `warehouse.duckdb_plugin` now."""

from warehouse.duckdb_plugin import Plugin as Plugin
