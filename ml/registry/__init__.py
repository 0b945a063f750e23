"""The models there are, their runs and versions in MLflow, and the relations they write."""
