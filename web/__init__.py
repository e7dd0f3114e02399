"""Pages, fragments, the REST interface, and the browser client."""
