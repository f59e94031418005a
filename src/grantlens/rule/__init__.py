"""What a rule is: its declaration, what it must see, the small world of its examples, and its SQL written out."""
