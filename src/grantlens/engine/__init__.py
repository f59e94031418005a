"""The only code that talks to a database."""

AT_REST = "at_rest_"
"""How the names of temporary tables begin that wait for the next question, see `grantlens.relations`: no user is told of them."""
