"""Programs that run inside the test host's namespaces, as files: they use the standard library alone."""
