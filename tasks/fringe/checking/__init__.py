"""How much structure an image holds, and how much of it is the fringe frame's."""
