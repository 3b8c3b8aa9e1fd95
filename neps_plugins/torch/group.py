"""The ranks of PyTorch's process group, if there is one: they train one model, and rank 0 alone writes."""

from __future__ import annotations

from typing import Any


def rank(torch: Any) -> int:
    """This process's rank; 0 if it is alone."""
    return int(torch.distributed.get_rank()) if _size(torch) > 1 else 0


def from_first(torch: Any, value: Any) -> Any:
    """What rank 0 has given, in all ranks. All of them call it."""
    if _size(torch) == 1:
        return value
    box = [value]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]


def from_all(torch: Any, value: Any) -> list[Any]:
    """What each rank has given, by rank, in all ranks. All of them call it."""
    size = _size(torch)
    if size == 1:
        return [value]
    gathered = [None] * size
    torch.distributed.all_gather_object(gathered, value)
    return gathered


def _size(torch: Any) -> int:
    there = torch.distributed.is_available() and torch.distributed.is_initialized()
    return int(torch.distributed.get_world_size()) if there else 1
