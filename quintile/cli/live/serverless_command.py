"""``quintile serverless``: the folder that is deployed of an ONNX export."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quintile.cli.options import Json, Quiet, Verbose

__all__ = ["SERVERLESS_EXAMPLES", "serverless_command"]

SERVERLESS_EXAMPLES = """\b
Examples:
  quintile serverless exported --out lambda
  quintile serverless exported --out lambda --json

The folder runs with numpy, onnxruntime and mangum alone, pinned in its requirements.txt. The token comes from
QUINTILE_TOKEN of the function's environment."""


def serverless_command(
    bundle: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `quintile export NAME@VERSION --to onnx`.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder to write.")],
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write an exported model with its handler for AWS Lambda or any ASGI server: no torch, no pandas, no Quintile."""
    from core.files import file_sha256
    from live.serverless.serverless_folder import SERVERLESS_FILES, write_serverless

    write_serverless(bundle, out)
    hashes = {name: file_sha256(out / name) for name in SERVERLESS_FILES}
    if as_json:
        print(json.dumps({"out": str(out), "files": hashes}, indent=2))
        return
    if not quiet:
        print(f"{out}\n" + "\n".join(f"  {name}  {digest}" for name, digest in hashes.items()))
        print("hold the function to this card with QUINTILE_CARD_SHA256, and set QUINTILE_TOKEN")
