"""The small core every room stands on: settings, warehouse, configuration, stages and errors."""
