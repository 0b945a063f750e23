"""Identity: the policy of who is who, resolution, evidence, and what other rules would change."""
