"""Bundle: the folder of an export, its card, and what scores with its files.

``model.onnx``, ``model.pt`` and ``model.int8.pt`` as they were asked for, ``card.json`` with their sha256, and
``parity.json``. A file is opened only where it is the one that the card describes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.errors import SourceError
from core.files import read_json
from models.export.graph_files import GraphScores, onnx_scores, torchscript_scores
from models.export.refusal import ExportError

__all__ = ["CARD", "FORMAT", "GRAPHS", "INT8", "ONNX", "PARITY", "TORCHSCRIPT", "Bundle", "ExportFormat", "read_card"]
__all__ += ["graph_scores", "is_bundle"]

FORMAT = "quintile export 1"
CARD, PARITY = "card.json", "parity.json"
ONNX, TORCHSCRIPT, INT8 = "model.onnx", "model.pt", "model.int8.pt"
GRAPHS = (ONNX, TORCHSCRIPT, INT8)
KEYS = ("version", "lock", "kind", "features", "lookback", "files", "calibration")

ExportFormat = Literal["onnx", "torchscript"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An export on disk.

    Parameters
    ----------
    folder : Path
        Where it lies.
    card : mapping
        What ``card.json`` says.
    parity : mapping
        What ``parity.json`` says: how its files score beside the version.
    """

    folder: Path
    card: Mapping[str, Any]
    parity: Mapping[str, Any]

    def __str__(self) -> str:
        """One line: version, files and folder."""
        return f"{self.card['version']} as {', '.join(self.card['files'])} in {self.folder}"


def read_card(folder: Path) -> dict[str, Any]:
    """The card of an export, its form checked; see ``graph_scores`` for the files.

    Raises
    ------
    ExportError
        If the folder holds no export, or its card was changed beyond reading.
    """
    try:
        card = read_json(folder / CARD)
    except OSError as error:
        raise ExportError(f"{folder} holds no {CARD}: name a folder that `quintile export` wrote") from error
    except SourceError as error:
        raise ExportError(f"{folder.name}/{CARD} cannot be read: export the version again") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ExportError(f"{folder.name}/{CARD} is no card of an export ({FORMAT}): export the version again")
    if not all(key in card for key in KEYS) or not _names_graphs(card["files"]):
        raise ExportError(f"{folder.name}/{CARD} lacks what a card holds: export the version again")
    return card


def graph_scores(folder: Path, name: str, *, n_threads: int = 1) -> GraphScores:
    """What scores with one file of an export, after its sha256 was compared with the card's.

    Parameters
    ----------
    folder : Path
        An export.
    name : str
        One of ``GRAPHS``.
    n_threads : int
        Threads of each call.

    Raises
    ------
    ExportError
        If the file is missing or not the one that the card describes.
    MissingExtraError
        If onnxruntime is needed and not installed.
    """
    stated = read_card(folder)["files"].get(name)
    if stated is None:
        raise ExportError(f"{folder.name} holds no {name}: export the version with it")
    path = folder / name
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != stated:
        raise ExportError(f"{name} is not the file that {CARD} describes: export the version again")
    return opened_graph(name, content, sha256=stated, n_threads=n_threads)


def opened_graph(name: str, content: bytes, *, sha256: str, n_threads: int = 1) -> GraphScores:
    """What scores with the bytes of a file of an export."""
    if name == ONNX:
        return onnx_scores(content, n_threads=n_threads)
    return torchscript_scores(content, sha256=sha256, n_threads=n_threads)


def is_bundle(folder: Path) -> bool:
    """Whether a folder is an export and nothing beside it, so that a new one may take its place."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    try:
        read_card(folder)
    except ExportError:
        return False
    return {each.name for each in folder.iterdir()} <= {*GRAPHS, CARD, PARITY}


def _names_graphs(files: object) -> bool:
    return isinstance(files, dict) and bool(files) and all(name in GRAPHS for name in files)
