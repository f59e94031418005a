"""What the organisation brings itself: the register of connections, its resource servers, identities, clocks, its review dates."""
