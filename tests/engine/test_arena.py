"""The arena planner: blocks alive at the same time never share a byte, and dead ones are reused."""

from hypothesis import given
from hypothesis import strategies as st

from q31.engine.arena import ALIGNMENT, Lifetime, plan

lifetimes = st.dictionaries(
    st.integers(0, 200),
    st.builds(
        lambda size, first, length: Lifetime(size, first, first + length),
        st.integers(0, 5000),
        st.integers(0, 30),
        st.integers(0, 10),
    ),
    max_size=40,
)


@given(lifetimes)
def test_blocks_alive_together_do_not_overlap(blocks):
    layout = plan(blocks)
    for a, block in blocks.items():
        assert layout.offsets[a] % ALIGNMENT == 0
        assert layout.offsets[a] + block.size <= layout.size
        for b, other in blocks.items():
            if a < b and block.first <= other.last and other.first <= block.last:
                apart = (
                    layout.offsets[a] + block.size <= layout.offsets[b]
                    or layout.offsets[b] + other.size <= layout.offsets[a]
                )
                assert apart, (a, b)


@given(lifetimes)
def test_the_arena_is_no_larger_than_all_blocks_together(blocks):
    assert plan(blocks).size <= sum(-(-block.size // ALIGNMENT) * ALIGNMENT for block in blocks.values())


def test_a_chain_needs_two_buffers():
    chain = {i: Lifetime(1024, i, i + 1) for i in range(20)}
    assert plan(chain).size == 2 * 1024
