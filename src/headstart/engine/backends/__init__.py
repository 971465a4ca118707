"""The backends that run a frozen body: one interface, one module for each backend."""
