"""What a store holds: summed up, compared with the files it came of, exported, taken out again."""
