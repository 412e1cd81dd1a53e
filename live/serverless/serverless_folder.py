"""Serverless folder: what is deployed of an export: its model and card, the handler and its pinned libraries.

The handler reads no setting from the folder and no secret is in it: the token comes from the environment.
"""

import secrets
import shutil
from importlib.metadata import version
from pathlib import Path

from core.errors import SourceError
from core.files import require_new, write_bytes
from models.forecasters.forecast_extra import forecast_library

__all__ = ["SERVERLESS_FILES", "write_serverless"]

LIBRARIES = ("flatbuffers", "mangum", "numpy", "onnxruntime", "packaging", "protobuf", "typing_extensions")
CONTAINERFILE = """\
# The handler as an image of AWS Lambda (linux/amd64). The token is given to the function, never to the image.
FROM public.ecr.aws/lambda/python:3.12
COPY requirements.txt .
RUN pip install --no-cache-dir --only-binary :all: --requirement requirements.txt
COPY handler.py model.onnx card.json ./
CMD ["handler.handler"]
"""
SERVERLESS_FILES = ("Containerfile", "card.json", "handler.py", "model.onnx", "requirements.txt")


def write_serverless(bundle: Path, out: Path) -> Path:
    """Write the folder that is deployed, whole or not at all.

    Parameters
    ----------
    bundle : Path
        Folder of an ONNX export.
    out : Path
        A new folder.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    MissingExtraError
        If onnxruntime or mangum is not installed.
    SourceError
        If the bundle's model is not the one that its card describes, or the handler cannot read it.
    ValueError
        If ``out`` is there already.
    """
    for library in ("onnxruntime", "mangum"):
        forecast_library(library, extra="serverless")
    from live.serverless import scoring_handler

    require_new(out, what="--out")
    try:
        scoring_handler.opened_scorer(bundle)
    except scoring_handler.Refused as refused:
        raise SourceError(f"{bundle} cannot be served: {refused}") from refused
    files = {name: (bundle / name).read_bytes() for name in (scoring_handler.MODEL, scoring_handler.CARD)}
    files["handler.py"] = Path(scoring_handler.__file__).read_bytes()
    files["requirements.txt"] = "".join(f"{name}=={version(name)}\n" for name in LIBRARIES).encode()
    files["Containerfile"] = CONTAINERFILE.encode()
    _publish(files, out)
    return out


def _publish(files: dict[str, bytes], out: Path) -> None:
    """Write all files beside ``out`` and rename their folder onto it."""
    staging = out.parent / f".{out.name}-{secrets.token_hex(4)}.partial"
    try:
        for name, content in files.items():
            write_bytes(staging / name, content)
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
