"""What the organisation brings itself: the register of connections, its resource servers, identities, clocks, decisions, its review dates."""
