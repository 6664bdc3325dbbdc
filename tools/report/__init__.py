"""``q31 report``: one page, in one file, that shows a model, its tensors and the arithmetic of its values."""
