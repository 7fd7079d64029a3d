"""Everything under configs/adapters and configs/cards, read when asked for and then kept."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path

from rig.config.adapter import load_adapter
from rig.config.card import load_card
from rig.config.yamlfile import line_of, read
from rig.errors import ConfigError, UsageError
from rig.model import Adapter, Card


class Library:
    """Layouts and cards below `root` (a `configs/` folder); a name never becomes part of a path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._adapters: dict[str, Adapter] = {}
        self._cards: dict[str, Card] = {}

    def designs(self) -> tuple[str, ...]:
        """Names of all layouts, sorted."""
        return tuple(self._adapter_files)

    def adapter(self, design: str) -> Adapter:
        """The layout of that name; UsageError names the nearest, ConfigError the line of a bad file."""
        if design not in self._adapter_files:
            near = _nearest(design, self._adapter_files, self._adapter_files, self.root / "adapters")
            raise UsageError(f"no adapter design {design!r}{near}")
        if design not in self._adapters:
            self._adapters[design] = load_adapter(self._adapter_files[design])
        return self._adapters[design]

    def cards(self) -> tuple[Card, ...]:
        """All cards by model; ConfigError when a file is bad or two files claim one name."""
        return tuple(self._load(model) for model in dict.fromkeys(self._models.values()))

    def card(self, name: str) -> Card:
        """The card of that model, part number or other alias; UsageError names the nearest."""
        if name in self._card_files:
            return self._load(name)
        if name not in self._models:
            near = _nearest(name, self._models, self._card_files, self.root / "cards")
            raise UsageError(f"no card {name!r}{near}")
        return self._load(self._models[name])

    def _load(self, model: str) -> Card:
        if model not in self._cards:
            self._cards[model] = load_card(self._card_files[model])
        return self._cards[model]

    @cached_property
    def _models(self) -> Mapping[str, str]:
        """Every name a card goes by to its model."""
        owner = {model: model for model in self._card_files}
        for model, path in self._card_files.items():
            for alias in self._load(model).aliases:
                if owner.setdefault(alias, model) != model:
                    other = self._card_files[owner[alias]].name
                    raise ConfigError(path, _line_of(path, alias), f"{alias!r} already names the card in {other}")
        return owner

    @cached_property
    def _adapter_files(self) -> Mapping[str, Path]:
        return _files(self.root / "adapters")

    @cached_property
    def _card_files(self) -> Mapping[str, Path]:
        return _files(self.root / "cards")


def project_root() -> Path:
    """The checkout the rig runs from: the folder that holds `rig/`, `configs/` and `tests_hil/`."""
    return Path(__file__).resolve().parents[2]


def default_library() -> Library:
    """The project's own configs/, beside the rig package."""
    return Library(project_root() / "configs")


def _files(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _line_of(path: Path, alias: str) -> int | None:
    tree = read(path)
    numbers = tree.get("part_numbers", {})
    return line_of(tree, next((("part_numbers", key) for key, n in numbers.items() if n == alias), ("aliases",)))


def _nearest(name: str, known: Iterable[str], main: Collection[str], folder: Path) -> str:
    """What to say after an unknown name: those it begins, those like it, or the main names there are."""
    if not main:
        return f": no *.yaml in {folder}"
    by_case = {k.casefold(): k for k in known}
    asked = name.casefold()
    begun = [key for key in by_case if asked and key.startswith(asked)]
    close = begun or difflib.get_close_matches(asked, by_case, n=3, cutoff=0.5)
    names = [by_case[key] for key in close] or main
    return f" in {folder}; " + ("nearest: " if close else "there are: ") + ", ".join(names)
