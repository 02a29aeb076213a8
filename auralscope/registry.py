"""Find, validate and register plugins.

Plugins come from the entry-point group `auralscope` of any installed distribution, the built-in plugins among them, and
from `.py` files or packages in the user's plugin folder. The user's trained models are registered in the same way
(`auralscope.trained`). A plugin that does not import or register is listed with its error, and the others are used;
so is one of a plugin's models that does not keep the contract.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pluggy

from auralscope import hookspecs, trained
from auralscope.errors import PluginError, UnknownNameError, one_line, printable
from auralscope.files import user_folder
from auralscope.nn.model import ModelSpec, check_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

GROUP = "auralscope"


@dataclass(frozen=True)
class Plugin:
    """A plugin that was found.

    Attributes
    ----------
    name : str
        Name of the entry point, or of the file in the plugin folder.
    origin : str
        Distribution and version, or path.
    models : tuple of ModelSpec
        Models that keep the contract.
    error : str
        The reason why the plugin, or one of its models, cannot be used; empty for a plugin that works.
    """

    name: str
    origin: str
    models: tuple[ModelSpec, ...] = ()
    error: str = ""


class Registry:
    """Registry of the plugins in one run of the program.

    Parameters
    ----------
    folder : Path, optional
        The user's plugin folder; `user_folder("plugins")` unless given.
    trained_folder : Path, optional
        The folder of the user's trained models; `user_folder("models")` unless given.
    """

    def __init__(self, folder: Path | None = None, trained_folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else user_folder("plugins")
        self.trained_folder = trained_folder if trained_folder is not None else user_folder("models")
        self._hooks = pluggy.PluginManager(hookspecs.PROJECT)
        self._hooks.add_hookspecs(hookspecs)
        self._installed = False
        self.plugins: tuple[Plugin, ...] = tuple(self._discover())

    @property
    def models(self) -> list[ModelSpec]:
        """All models of the plugins that work."""
        return [spec for plugin in self.plugins for spec in plugin.models]

    def find(self, model_id: str) -> ModelSpec:
        """Return the model with an id.

        Raises
        ------
        UnknownNameError
            There is no such model; the message lists the models, and the plugins that failed.
        """
        for spec in self.models:
            if spec.id == model_id:
                return spec
        known = ", ".join(spec.id for spec in self.models) or "none"
        failed = ", ".join(plugin.name for plugin in self.plugins if plugin.error)
        hint = f" Plugins that failed: {failed} (see 'auralscope plugins list')." if failed else ""
        raise UnknownNameError(f"There is no model called '{model_id}'; there is: {known}.{hint}")

    def install(self) -> None:
        """Add the plugins' rules and attribution methods to the engine, once. Imports torch.

        Raises
        ------
        PluginError
            The hook of a plugin failed.
        """
        if self._installed:
            return
        self._installed = True
        from auralscope.nn.attribution.base import AttributionMethod
        from auralscope.nn.attribution.methods import METHODS
        from auralscope.nn.attribution.rules import DECONVOLUTION, Rule

        hooks = self._hooks.hook
        for hook, kind in ((hooks.auralscope_rules, Rule), (hooks.auralscope_methods, AttributionMethod)):
            for implementation in hook.get_hookimpls():
                try:
                    brought = [_checked(item, kind) for item in cast("Iterable[object]", implementation.function())]
                except Exception as failure:
                    raise PluginError(
                        f"The plugin {implementation.plugin_name} failed: {_sentence(failure)}."
                    ) from failure
                for item in brought:
                    if isinstance(item, Rule):
                        DECONVOLUTION.update(dict.fromkeys(item.functions, item))
                    elif isinstance(item, AttributionMethod):
                        METHODS[item.name] = item

    def _discover(self) -> Iterator[Plugin]:
        taken: set[str] = set()
        for name, origin, load in (
            *_installed(),
            *_in_folder(self.folder),
            *trained.found(self.trained_folder),
        ):
            models: list[ModelSpec] = []
            errors: list[str] = []
            # A plugin is foreign code: it may raise anything, and must not stop the program.
            try:
                for spec in self._register(f"{name} ({origin})", load()):
                    try:
                        models.append(_check(spec, taken))
                        taken.add(models[-1].id)
                    except PluginError as failure:  # the plugin's other models are used
                        errors.append(_sentence(failure))
            except (Exception, SystemExit) as failure:  # noqa: BLE001
                errors.append(_sentence(failure))
            yield Plugin(printable(name), printable(origin), tuple(models), "; ".join(errors))

    def _register(self, name: str, module: object) -> list[object]:
        """Register a plugin and return what it lists as models; unregister it if it does not keep the contract."""
        self._hooks.register(module, name=name)
        try:
            self._hooks.check_pending()
            hook = self._hooks.hook.auralscope_models
            if not self._hooks.get_hookcallers(module):
                raise PluginError("it brings nothing: no function marked @hookimpl has the name of a hook")
            return [
                spec
                for implementation in hook.get_hookimpls()
                if implementation.plugin is module
                for spec in cast("Iterable[object]", implementation.function())
            ]
        except BaseException:
            self._hooks.unregister(module)
            raise


def _installed() -> Iterator[tuple[str, str, Callable[[], ModuleType]]]:
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: point.name):
        distribution = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        yield point.name, distribution, point.load


def _in_folder(folder: Path) -> Iterator[tuple[str, str, Callable[[], ModuleType]]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        file = path / "__init__.py" if path.is_dir() else path
        if file.suffix == ".py" and file.is_file() and not path.name.startswith((".", "_")):
            yield path.stem, str(path), partial(_import_file, path.stem, file)


def _import_file(name: str, file: Path) -> ModuleType:
    """Import `file` under a prefixed name, so that it cannot collide with an installed module."""
    module_name = f"auralscope_user_plugins_{name}"
    package = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(module_name, file, submodule_search_locations=package)
    if spec is None or spec.loader is None:
        raise PluginError(f"{file} cannot be imported as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _check(spec: object, taken: set[str]) -> ModelSpec:
    if not isinstance(spec, ModelSpec):
        raise PluginError(f"auralscope_models returned {type(spec).__name__}, not ModelSpec")
    check_spec(spec)
    if spec.id in taken:
        raise PluginError(f"the model id '{spec.id}' is already taken")
    return spec


def _checked(item: object, kind: type) -> object:
    if not isinstance(item, kind):
        raise PluginError(f"a hook returned {type(item).__name__}, not {kind.__name__}")
    return item


def _sentence(failure: BaseException) -> str:
    text = one_line(failure)
    return text if isinstance(failure, PluginError) else f"{type(failure).__name__}: {text}"


_default: Registry | None = None
_lock = threading.Lock()


def registry() -> Registry:
    """Return the registry of this run; the first call finds the plugins."""
    global _default
    with _lock:
        if _default is None:
            _default = Registry()
        return _default


def find_spec(model_id: str) -> ModelSpec:
    """Return the model with an id in this run's registry; see `Registry.find`."""
    return registry().find(model_id)
