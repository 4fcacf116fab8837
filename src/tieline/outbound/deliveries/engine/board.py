"""What is still to be shown in the records of webhooks about how they fare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tieline.outbound.deliveries.engine.health import Health
from tieline.outbound.deliveries.engine.models import Key

_BETWEEN = timedelta(seconds=1)
_REMEMBERED = 10_000


@dataclass
class HealthBoard:
    """Health that is not yet shown: at once when success turns into failure or back, otherwise
    once a second. Rows of webhooks are wide, and a busy webhook has hundreds of attempts a second.
    """

    _news: dict[Key, Health] = field(default_factory=dict)
    _shown: dict[Key, Health] = field(default_factory=dict)

    def note(self, health: Mapping[Key, Health]) -> None:
        """Webhooks fare like this now."""
        self._news.update(health)

    @property
    def news(self) -> bool:
        """Whether something is not shown yet."""
        return bool(self._news)

    def due(self, now: datetime, *, everything: bool = False) -> dict[Key, Health]:
        """What is to be shown by now, or all that is not shown yet."""
        return {
            key: health
            for key, health in self._news.items()
            if everything or self._is_due(key, now)
        }

    def shown(self, keys: Iterable[Key], health: Mapping[Key, Health]) -> None:
        """The records of these show it now."""
        for key in keys:
            self._shown.pop(key, None)
            self._shown[key] = health[key]
            if self._news.get(key) == health[key]:
                del self._news[key]
            if len(self._shown) > _REMEMBERED:
                del self._shown[next(iter(self._shown))]

    def next_at(self, now: datetime) -> datetime | None:
        """When there is something to show, if there is."""
        return now + _BETWEEN if self._news else None

    def _is_due(self, key: Key, now: datetime) -> bool:
        last = self._shown.get(key)
        return last is None or last.status != self._news[key].status or now - last.at >= _BETWEEN
