"""Charts: tables in, Altair charts out; they know nothing of findings, and no other room imports Altair."""
