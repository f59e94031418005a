"""What a store holds: summed up, seen for one tenant alone, compared with the files it came of, exported, taken out again."""
