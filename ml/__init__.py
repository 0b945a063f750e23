"""Models: one file each, trained from features, tracked in MLflow, scored back into the lake."""
