"""Rate: so many at once, and no more in any stretch of time than that allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.server.rate import Rate


class Clock:
    """Tells the time that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


def test_so_many_at_once_and_one_more_each_so_many_seconds():
    clock = Clock()
    rate = Rate(2, 10, clock)
    assert [rate.take("a"), rate.take("a"), rate.take("a")] == [0, 0, 10]
    assert rate.take("b") == 0  # others have their own
    clock.now = 4
    assert rate.take("a") == 6
    clock.now = 10
    assert [rate.take("a"), rate.take("a")] == [0, 10]
    rate.give_back("a")
    assert rate.take("a") == 0


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.floats(0.1, 10))
def test_in_no_stretch_of_time_are_there_more(pauses, most, each):
    clock = Clock()
    rate = Rate(most, each, clock)
    taken = []
    for pause in pauses:
        clock.now += pause
        wait = rate.take()
        if not wait:
            taken.append(clock.now)
        else:
            assert wait <= each + 1e-6
    for first, start in enumerate(taken):
        for last, end in enumerate(taken[first:], first):
            assert last - first + 1 <= most + (end - start) / each + 1e-4


def test_what_is_held_of_many_keys_goes_with_time():
    clock = Clock()
    rate = Rate(1, 1, clock)
    for number in range(10_000):
        clock.now += 0.01
        rate.take(str(number))
    assert len(rate._full_at) <= 1_000
    assert rate.take("9999") == pytest.approx(1)
