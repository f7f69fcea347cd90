"""How much one client, one user and all together may ask of the service."""

from __future__ import annotations

from dataclasses import dataclass, field

ROOT = 0
_BYTES_A_CALL = 2_048
"""A longer call counts as several: what it takes to read grows with its length."""
_REFUSAL_COUNTS_AS = 20.0
"""So many calls: the log that refusals are written to must not be filled by whoever likes to be refused."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that the server keeps.

    Calls beyond `calls_a_second` of one user (after `burst` at once) wait their turn: nothing is refused for
    them, and a client that asks too much slows itself alone down. `connections` counts everybody's, of which
    `kept_for_root` are root's alone. `waiting_bytes` may wait to be read by one client; one that reads nothing for
    `drain_s` seconds while that much waits is dropped, as is one whose line is not whole `frame_s` seconds after it
    began, and one that had `refusals` calls refused. A server that closes lets calls under way end for `parting_s`.
    """

    connections: int = 256
    kept_for_root: int = 16
    connections_a_user: int = 16
    connections_of_root: int = 64
    calls_a_second: float = 50.0
    burst: int = 200
    waiting_bytes: int = 256 * 1024
    frame_s: float = 10.0
    drain_s: float = 600.0
    refusals: int = 64
    parting_s: float = 5.0


USUAL = Limits()


class TokenBucket:
    """How fast things may go: `burst` at once, and `rate` a second in the long run."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = now

    def reserve(self, now: float, cost: float = 1.0) -> float:
        """Take a place in the row; returns how many seconds it is until its turn."""
        self._refill(now)
        self._tokens -= cost
        return max(0.0, -self._tokens / self._rate)

    def affords(self, now: float, cost: float) -> bool:
        """Take so much where it is there at once; whether it was."""
        self._refill(now)
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True

    def full(self, now: float) -> bool:
        """Whether nothing was taken for so long that it is as good as new."""
        self._refill(now)
        return self._tokens >= self._burst

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now


@dataclass(slots=True)
class _Account:
    bucket: TokenBucket
    connections: int = 0


@dataclass(slots=True)
class Accounts:
    """What each user has taken so far. `now` is seconds by a clock that never jumps."""

    limits: Limits
    _all: dict[int, _Account] = field(default_factory=dict)
    _connections: int = 0

    def admit(self, uid: int, now: float) -> str | None:
        """Count one more connection of a user; where it may not be, the reason, and nothing is counted."""
        self._forget_the_idle(now)
        account = self._account(uid, now)
        most = self.limits.connections_of_root if uid == ROOT else self.limits.connections_a_user
        if account.connections >= most:
            return f"user {uid} has {account.connections} connections to the service already, the most one may have"
        left = self.limits.connections - self._connections
        if left <= (0 if uid == ROOT else self.limits.kept_for_root):
            return "the service has as many clients as it takes"
        account.connections += 1
        self._connections += 1
        return None

    def release(self, uid: int) -> None:
        """A connection that was admitted has ended."""
        self._all[uid].connections -= 1
        self._connections -= 1

    def reserve(self, uid: int, now: float, size: int) -> float:
        """How many seconds a call of this user's, of so many bytes, has to wait."""
        return self._account(uid, now).bucket.reserve(now, 1.0 + size // _BYTES_A_CALL)

    def charge_refusal(self, uid: int, now: float) -> None:
        """One of this user's calls was refused, which is written to the log: those who fill it get slower."""
        self._account(uid, now).bucket.reserve(now, _REFUSAL_COUNTS_AS)

    def affords_refusal(self, uid: int, now: float) -> bool:
        """Whether one more refused connection of this user's is worth a line in the log."""
        return self._account(uid, now).bucket.affords(now, _REFUSAL_COUNTS_AS)

    def _account(self, uid: int, now: float) -> _Account:
        account = self._all.get(uid)
        if account is None:
            account = self._all[uid] = _Account(TokenBucket(self.limits.calls_a_second, self.limits.burst, now))
        return account

    def _forget_the_idle(self, now: float) -> None:
        """Only whose bucket is full again: coming back must not be a way to more."""
        idle = [uid for uid, account in self._all.items() if not account.connections and account.bucket.full(now)]
        for uid in idle:
            del self._all[uid]
