"""The commands that list what is installed: models, weights and plugins."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from auralscope.cli.arguments import command
from auralscope.files import size_words, user_folder
from auralscope.terminal import ProgressLine, print_json, put

if TYPE_CHECKING:
    from auralscope.catalogue import ModelInfo


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    command(commands, "models", models, example="--json")

    parser = command(commands, "weights", weights, example="get crnn-msd")
    add = parser.add_argument
    add("action", choices=("list", "get"), nargs="?", default="list", help="(default list)")
    add("id", nargs="?", metavar="ID", help="with 'get': a model")
    add("--from", dest="source", metavar="FILE_OR_URL", help="with 'get': the published file, or another address of it")

    parser = command(commands, "plugins", plugins, example="list")
    parser.add_argument("action", choices=("list",), nargs="?", default="list", help="(default list)")


def models(options: argparse.Namespace) -> int:
    """List the models with their input, layers, labels, licence and the state of their weights."""
    from auralscope.catalogue import models as list_models

    known = list_models(count_parameters=options.json)
    if options.json:
        print_json([asdict(model) for model in known])
        return 0
    for model in known:
        labels = ", ".join(model.labels[:12]) + (", …" if len(model.labels) > 12 else "")
        put(f"{model.id}  ({model.plugin}; {model.licence})")
        put(f"    {model.summary}")
        put(f"    input    {model.front_end}")
        put(f"    layers   {' '.join(layer.name for layer in model.layers)}")
        put(f"    labels   {len(model.labels)}: {labels}")
        put(f"    scope    {model.scope}")
        put(f"    weights  {_about_weights(model)}")
    return 0


def _about_weights(model: ModelInfo) -> str:
    if model.weights == "available":
        return f"available: 'auralscope weights get {model.id}' fetches them ({size_words(model.size_bytes or 0)})"
    return "missing: reinstall the plugin" if model.weights == "missing" else model.weights


def weights(options: argparse.Namespace) -> int:
    """List the weights of all models, or get those that a model's authors published. Fetched files are checked."""
    if (options.action == "get") != (options.id is not None):
        options.error("'get' needs the ID of a model, and 'list' takes none")
    return _get(options) if options.action == "get" else _list(options)


def _list(options: argparse.Namespace) -> int:
    from auralscope import registry, weights
    from auralscope.catalogue import models as list_models

    known = list_models()
    if options.json:
        names = ("id", "weights", "size_bytes", "url", "source", "licence")
        print_json(
            [
                {name: getattr(model, name) for name in names}
                | {"file": str(weights.file_of(registry.find_spec(model.id)))}
                for model in known
            ]
        )
        return 0
    width = max((len(model.id) for model in known), default=0)
    for model in known:
        size = size_words(model.size_bytes) if model.size_bytes else ""
        put(f"{model.id:<{width}}  {model.weights:<9}  {size:>8}  {model.source} ({model.licence})")
    put(f"'auralscope weights get ID' fetches available weights into {user_folder('weights')}")
    return 0


def _get(options: argparse.Namespace) -> int:
    from auralscope import download, registry, weights

    spec = registry.find_spec(options.id)
    before = weights.state(spec)
    with ProgressLine(f"getting the weights of {spec.id}") as progress:
        file = download.get(spec, options.source, progress)
    if options.json:
        card = download.card_of(spec)
        details = json.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}
        print_json({"file": str(file), "fetched": before != "installed", **details})
    else:
        put(f"The weights of {spec.id} {'were here already' if before == 'installed' else 'are here now'}: {file}")
    return 0


def plugins(options: argparse.Namespace) -> int:
    """List the plugins and their models, or the error of a plugin that failed."""
    from auralscope.registry import registry

    known = registry()
    if options.json:
        print_json(
            [
                {
                    "name": plugin.name,
                    "origin": plugin.origin,
                    "models": [spec.id for spec in plugin.models],
                    "error": plugin.error or None,
                }
                for plugin in known.plugins
            ]
        )
        return 0
    for plugin in known.plugins:
        found = [*(spec.id for spec in plugin.models), *([f"FAILED: {plugin.error}"] if plugin.error else [])]
        put(f"{plugin.name}  ({plugin.origin})  {' '.join(found)}")
    put(f"Put your own plugins into {known.folder}")
    return 0
