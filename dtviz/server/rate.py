"""Rate: how often something may be done."""

import time
from collections.abc import Callable


class Rate:
    """So many at once, and one more each so many seconds, for each key.

    Args:
        most: at once.
        each: seconds until there is one more.
        clock: tells the time, in seconds.
    """

    def __init__(self, most: int, each: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.each = most, each
        self._clock = clock
        # When all will be there again, by key: of a key that is not here, they are.
        self._full_at: dict[str, float] = {}
        self._keys_to_look_through = 1_000

    def take(self, key: str = "") -> float:
        """Take one and return 0; if there is none, return the seconds until there is."""
        now = self._clock()
        full_at = max(now, self._full_at.get(key, now)) + self.each
        wait = full_at - now - self.most * self.each
        # Of sums of seconds the last digits are not exact.
        if wait > 1e-6:
            return wait
        if len(self._full_at) >= self._keys_to_look_through:
            self._full_at = {one: at for one, at in self._full_at.items() if at > now}
            self._keys_to_look_through = max(1_000, 2 * len(self._full_at))
        self._full_at[key] = full_at
        return 0.0

    def give_back(self, key: str = "") -> None:
        """Give back one that was taken."""
        if key in self._full_at:
            self._full_at[key] -= self.each
