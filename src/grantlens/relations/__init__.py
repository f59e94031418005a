"""SQL that several rules share, one named step each."""
