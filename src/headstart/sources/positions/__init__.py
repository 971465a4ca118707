"""Sources that give a row for each position of an item: words of a sentence, cells of a picture."""
