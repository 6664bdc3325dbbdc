"""What targets take of a model, as tables of rules, each with the public list it comes from."""
