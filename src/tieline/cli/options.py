"""The options that most commands share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from tieline.settings import Settings


@Parameter(name="*")
@dataclass(frozen=True)
class Place:
    """Which Tieline a command is about."""

    data_dir: Annotated[
        Path | None, Parameter(help="Directory of the embedded database and of local state.")
    ] = None
    config: Annotated[Path | None, Parameter(help="A TOML file with settings.")] = None

    def settings(self, **overrides: Any) -> Settings:
        """The settings, with what the command line overrides. Raises `InvalidSettings`."""
        from tieline.settings import load_settings

        overrides.setdefault("data_dir", self.data_dir)
        return load_settings(os.environ, config=self.config, **overrides)

    def logged_settings(self, **overrides: Any) -> Settings:
        """Like `settings`, and sets up logging as they say."""
        from tieline.logging import configure_logging

        settings = self.settings(**overrides)
        configure_logging(settings.log_level, settings.log_format)
        return settings


DEFAULT_PLACE = Place()
