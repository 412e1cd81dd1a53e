"""Provenance: which code, libraries and machine made a number."""

import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from strategy.runs.closure import ROOT, closure_hash, run_closure

if TYPE_CHECKING:
    from strategy.definitions.spec import StrategySpec

__all__ = ["code_fingerprint", "commit", "dependencies", "environment", "machine"]

# Libraries that a number passes through; those that only draw or print are left out.
DECIDING = (
    "exchange-calendars",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "safetensors",
    "scikit-learn",
    "scipy",
    "torch",
    "vectorbt",
    "vectorbt-rust",
)
# And those that only one kind of model passes through.
DECIDING_OF_KIND = {"lightgbm": ("lightgbm",)}
LIBRARIES = ("numpy", "pandas", "scipy", "torch", "vectorbt", "pyarrow", "scikit-learn", "safetensors", "quantstats")


def code_fingerprint(spec: "StrategySpec | None" = None) -> str:
    """The sha256 of all code that decides the numbers of a run, by what it says, in hexadecimal.

    A comment, a docstring or another formatting leaves it as it is.

    Parameters
    ----------
    spec : StrategySpec, optional
        Of the sources of features, models and book rules that a user registered in this process, those that it names
        are part of the code; by default all are.
    """
    return closure_hash({**run_closure().modules, **_own_sources(spec)})


def _own_sources(spec: "StrategySpec | None") -> dict[str, str]:
    from models.model_kinds import own_sources as own_models
    from portfolio.own_rules import own_sources as own_rules
    from signals.features.feature_sets import own_sources as own_features

    sources = {**own_features(), **own_models(), **own_rules()}
    if spec is None:
        return sources
    models = [f"model/{kind}" for kind in spec.model.kinds]
    named = (f"{spec.features.set}/", *models, f"book_rule/{spec.portfolio.builder}")
    return {place: digest for place, digest in sources.items() if place.startswith(named[0]) or place in named}


def commit() -> str | None:
    """The git commit of the checkout, or None outside one."""
    git = ROOT / ".git"
    head = git / "HEAD"
    if not head.is_file():
        return None
    text = head.read_text().strip()
    if not text.startswith("ref: "):
        return text
    reference = git / text.removeprefix("ref: ")
    return reference.read_text().strip() if reference.is_file() else _packed_commit(git, text.removeprefix("ref: "))


def environment() -> dict[str, str]:
    """Library versions, interpreter, processor and thread count, as recorded beside every run."""
    found = {name: _version(name) for name in LIBRARIES}
    return found | {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "processors": str(os.cpu_count()),
    }


def dependencies(kind: str = "") -> dict[str, str]:
    """The versions of the interpreter and of the libraries that a number passes through.

    Those of a kind are among them, or of several, as ``"ensemble+lightgbm"``.
    """
    names = (*DECIDING, *(name for each in kind.split("+") for name in DECIDING_OF_KIND.get(each, ())))
    return {"python": platform.python_version()} | {name: _version(name) for name in names}


def machine() -> dict[str, str]:
    """What the last bits of a floating-point sum may depend on: system, processor and its instructions."""
    facts = _processor_facts()
    instructions = hashlib.sha256(facts.get("flags", "").encode()).hexdigest()[:12]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": facts.get("model name") or platform.processor() or "unknown",
        "instructions": instructions,
        "processors": str(os.cpu_count()),
    }


def _processor_facts() -> dict[str, str]:
    listing = Path("/proc/cpuinfo")
    if not listing.is_file():
        return {}
    first = listing.read_text(encoding="utf-8").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _packed_commit(git: Path, reference: str) -> str | None:
    packed = git / "packed-refs"
    lines = packed.read_text().splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {reference}")), None)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
