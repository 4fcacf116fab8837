"""The data keys that one process knows."""

from __future__ import annotations

from tieline.secrets.errors import DataKeyUnreadable
from tieline.secrets.models import WrappedKey
from tieline.secrets.sealing import CannotOpen, DataKey, SealingKey, unwrap, wrap


class Keyring:
    """Opens data keys with the master key, each once.

    A key stays known when it is wrapped anew under another master key: a process goes on with the
    keys that it has opened, until it meets a newer one.
    """

    def __init__(self, master: SealingKey) -> None:
        self._master = master
        self._known: dict[int, DataKey] = {}

    def data_key(self, stored: WrappedKey) -> DataKey:
        """The data key that is stored so. Raises `DataKeyUnreadable`."""
        known = self._known.get(stored.version)
        if known is None:
            try:
                known = unwrap(self._master, stored.version, stored.wrapped)
            except CannotOpen:
                raise DataKeyUnreadable from None
            self._known[stored.version] = known
        return known

    def new_key(self, version: int) -> WrappedKey:
        """A new data key, wrapped."""
        return WrappedKey(version, wrap(self._master, DataKey(version, SealingKey.random())))

    def rewrapped(self, stored: WrappedKey, master: SealingKey) -> WrappedKey:
        """A data key as it is stored under another master key. Raises `DataKeyUnreadable`."""
        return WrappedKey(stored.version, wrap(master, self.data_key(stored)))
