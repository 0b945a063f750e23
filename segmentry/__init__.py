"""The small core that every room imports: settings, warehouse, configuration, stages and errors."""
