"""The subcommands that say what is there: models, their weights, plugins, what this machine has."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from auralscope.cli.terminal import Progress, display, print_json
from auralscope.files import size_words, user_folder

if TYPE_CHECKING:
    from auralscope.catalogue import ModelInfo


def models(options: argparse.Namespace) -> int:
    """List what there is to look into."""
    from auralscope.catalogue import models as list_models

    known = list_models(count_parameters=options.json)
    if options.json:
        print_json([asdict(model) for model in known])
        return 0
    for model in known:
        print(f"{model.id}  ({model.plugin}; {model.licence})")
        print(f"    {model.summary}")
        print(f"    sees     {model.front_end}")
        print(f"    layers   {' '.join(layer.name for layer in model.layers)}")
        shown = ", ".join(model.labels[:12]) + (", …" if len(model.labels) > 12 else "")
        print(f"    labels   {len(model.labels)}: {shown}")
        print(f"    weights  {_about_weights(model)}")
    return 0


def _about_weights(model: ModelInfo) -> str:
    if model.weights == "available":
        return f"available: 'auralscope weights get {model.id}' fetches them ({size_words(model.size_bytes or 0)})"
    return "missing: reinstall the plugin" if model.weights == "missing" else model.weights


def weights(options: argparse.Namespace) -> int:
    """List trained weights, or get what a model's authors published: fetched, checked by its hash, converted once."""
    return _get(options) if options.action == "get" else _list(options)


def _list(options: argparse.Namespace) -> int:
    from auralscope import registry, weights
    from auralscope.catalogue import models as list_models

    known = list_models()
    if options.json:
        told = ("id", "weights", "size_bytes", "url", "source", "licence")
        print_json(
            [
                {name: getattr(model, name) for name in told}
                | {"file": str(weights.file_of(registry.find_spec(model.id)))}
                for model in known
            ]
        )
        return 0
    width = max((len(model.id) for model in known), default=0)
    for model in known:
        size = size_words(model.size_bytes) if model.size_bytes else ""
        print(f"{model.id:<{width}}  {model.weights:<9}  {size:>8}  {model.source} ({model.licence})")
    print(f"'auralscope weights get ID' fetches what is available into {user_folder('weights')}")
    return 0


def _get(options: argparse.Namespace) -> int:
    from auralscope import download, registry, weights

    spec = registry.find_spec(options.id)
    before = weights.state(spec)
    with Progress(f"getting the weights of {spec.id}") as progress:
        file = download.get(spec, options.source, progress)
    if options.json:
        card = download.card_of(spec)
        told = json.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}
        print_json({"file": str(file), "fetched": before != "installed", **told})
    else:
        print(f"The weights of {spec.id} {'were here already' if before == 'installed' else 'are here now'}: {file}")
    return 0


def plugins(options: argparse.Namespace) -> int:
    """List plugins, also those that failed, with their error."""
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
        found = f"FAILED: {plugin.error}" if plugin.error else " ".join(spec.id for spec in plugin.models)
        print(f"{plugin.name}  ({plugin.origin})  {found}")
    print(f"Your own plugins go into {known.folder}")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Check what the program needs on this machine, and say what to do where something lacks."""
    from auralscope.cli.doctor import examine

    try:
        import auralscope.ui.app  # noqa: F401 - only whether it loads
    except ImportError as failure:
        qt_problem = str(failure)
    else:
        qt_problem = ""
    findings = examine(display=display(), qt_problem=qt_problem)
    if options.json:
        print_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.state:<8}{finding.subject:<20}{finding.text}")
    return 0 if all(finding.state != "problem" for finding in findings) else 1
