"""Checkpoints: safetensors with JSON metadata, written so that a crash leaves the old file or the new one.

`write` and `read` know tensors by name and one JSON object; what they mean is the model's business.
"""

import json
import os
import secrets
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nnc.runtime.errors import CheckpointError

FORMAT = "nnc checkpoint 1"
SHOWN = 5  # names in a message


def checksum(tensors: Mapping[str, Tensor], about: str) -> str:
    """CRC-32 of the metadata's text and of every tensor's bytes, by name."""
    value = zlib.crc32(about.encode())
    for name in sorted(tensors):
        raw: Any = tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy()
        value = zlib.crc32(raw, zlib.crc32(name.encode(), value))
    return f"{value:08x}"


def write(path: str | Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a temporary file beside `path`, make sure that it is on the disk, and put it in `path`'s place."""
    path = Path(path)
    if not path.parent.is_dir():
        raise CheckpointError(f"{path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise CheckpointError(f"{path}: it is a folder; give the name of a file")
    held = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(about, sort_keys=True)
    metadata = {"format": FORMAT, "nnc": text, "crc32": checksum(held, text)}
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    try:
        save_file(held, partial, metadata)
        _flush(partial)
        os.replace(partial, path)
    except OSError as error:
        raise CheckpointError(f"{path}: it could not be written: {error.strerror or error}") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path}: it could not be written: {error}") from error
    finally:
        with suppress(OSError):
            partial.unlink()
    with suppress(OSError):  # some file systems cannot flush a folder
        _flush(path.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """All tensors, and the metadata; None when the file is sound safetensors that nnc did not write."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: {'it is a folder, not a file' if path.is_dir() else 'there is no such file'}")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: it is damaged, or no safetensors file ({error})") from error
    if not str(metadata.get("format", "")).startswith("nnc checkpoint"):
        return tensors, None
    if metadata["format"] != FORMAT:
        raise CheckpointError(f"{path}: it is of the form {metadata['format']!r}, and this version reads {FORMAT!r}")
    text = metadata.get("nnc", "")
    if metadata.get("crc32") != checksum(tensors, text):
        raise CheckpointError(f"{path}: it is damaged: its contents do not match its checksum")
    about: dict[str, Any] = json.loads(text)
    return tensors, about


def compare(path: str | Path, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Refuse a file whose tensors are not those of the model: what is missing, what is extra, what differs."""
    problems = []
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing:
        problems.append(f"it lacks {_some(missing)}")
    if extra:
        problems.append(f"it holds {_some(extra)}, which the model does not have")
    for name, tensor in wanted.items():
        if name in found and found[name].shape != tensor.shape:
            problems.append(f"{name} is {list(found[name].shape)} there and {list(tensor.shape)} in the model")
        elif name in found and not _holds(tensor, found[name]):
            there, here = (str(each.dtype).removeprefix("torch.") for each in (found[name], tensor))
            problems.append(f"{name} holds {there}, not {'floats' if tensor.is_floating_point() else here}")
    if problems:
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise CheckpointError(f"{path}: it is not of this model: {'; '.join(problems[:SHOWN] + more)}")


def _holds(wanted: Tensor, found: Tensor) -> bool:
    """Whether a file's values can be taken: any floats for floats, all else exactly."""
    return found.is_floating_point() if wanted.is_floating_point() else found.dtype == wanted.dtype


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
