"""SKIP_GRAM: the groups of a sentence's words that follow each other with few words between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...schema import ModelError, TensorType
from ...schema.options import SkipGramOptions
from ..checks import options_of, require_arity, require_same_type
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile

_SPACES = b" \t\n\v\f\r"
_MOST_GROUPS = 2**22


@dataclass(frozen=True)
class SkipGram(Prepared):
    """How many words make a group, and how many may be left out between two of them.

    ``keeps_leading_space``: a space at the sentence's begin spoils its first word, as in the reference.
    """

    ngram_size: int
    max_skip_size: int
    include_all_ngrams: bool
    keeps_leading_space: bool


def prepare(node: Node, profile: Profile) -> SkipGram:
    """Prepare SKIP_GRAM; how many groups there are is known at run time (``kernels/skip_gram.cc``)."""
    require_arity(node, 1)
    require_same_type(node, node.input(0), node.output())
    node.require(0 not in node.input(0).shape, "a sentence")
    options = options_of(node, SkipGramOptions)
    sizes = options.ngram_size, options.max_skip_size, options.include_all_ngrams
    return SkipGram((None,), *sizes, profile.reproduces_quirks)


def words_of(sentence: bytes, keeps_leading_space: bool) -> list[bytes]:
    """Split a sentence at white space.

    Notes
    -----
    Source: ``Eval`` in ``kernels/skip_gram.cc``. It looks for spaces from the second byte on, so that a space in front
    is taken for a word's begin; such a word is lost, but kept, space and all, where it is the last.
    """
    if not keeps_leading_space or sentence[:1] not in _SPACES or not sentence:
        return sentence.split()
    rest = sentence[1:]
    at = next((index for index, byte in enumerate(rest) if byte in _SPACES), None)
    return [sentence] if at is None else rest[at + 1 :].split()


def groups(count: int, prepared: SkipGram) -> Iterator[Sequence[int]]:
    """Yield the groups of word numbers, each after those that it begins, as the reference orders them."""
    size = prepared.ngram_size
    stack: list[int] = []
    following = [iter(range(count))] if size > 0 else []
    while following:
        word = next(following[-1], None)
        if word is not None:
            stack.append(word)
            last = min(word + prepared.max_skip_size + 1, count - 1) if len(stack) < size else -1
            following.append(iter(range(word + 1, last + 1)))
            continue
        if stack and (prepared.include_all_ngrams or len(stack) == size):
            yield tuple(stack)
        following.pop()
        if stack:
            stack.pop()


def evaluate(prepared: SkipGram, sentences: np.ndarray) -> np.ndarray:
    """Return the groups of the first sentence's words, each joined by spaces; none where there are too few words."""
    sentence = sentences.reshape(-1)[0]
    words = words_of(sentence, prepared.keeps_leading_space)
    chosen: list[bytes] = []
    if 0 <= prepared.ngram_size <= len(words):
        for group in groups(len(words), prepared):
            chosen.append(b" ".join(words[word] for word in group))
            if len(chosen) > _MOST_GROUPS:
                raise ModelError(f"SKIP_GRAM: {len(words)} words make more than {_MOST_GROUPS} groups")
    output = np.empty(len(chosen), object)
    output[:] = chosen
    return output


KERNELS = (Kernel("SKIP_GRAM", (1, 1), (TensorType.STRING,), prepare, evaluate),)
