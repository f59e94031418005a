"""From the bytes of a file to numbered records: unpacked, told by their shape, cut into chunks."""
