"""What the organisation brings itself: the register of connections, its resource servers, its review dates."""
