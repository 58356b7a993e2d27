"""The command line: one module per command group, each command a thin call of a library function of its name."""
