"""Books by the million, for `bench.book`."""
