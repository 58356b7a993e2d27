"""The joint names of the common pose formats, in the order in which each format stores them."""
