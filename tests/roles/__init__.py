"""Classes of columns, and what each role reads."""
