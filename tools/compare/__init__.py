"""Two runs of one model side by side: where they part first, and which operators add to it."""
