"""Mathematics without SQL: survival (interval-censored lag), need, cover (smallest scope set), blindspot."""
