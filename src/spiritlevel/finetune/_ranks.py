"""Several processes train together (`torchrun`, `accelerate launch`). Rank 0 runs the command and alone has the journal and the disk.

A training is a function of values: rank 0 sends it with its arguments, every rank runs it, and each step's gradient is their sum.
Without a launcher every function here leaves its argument as it is.
"""

import io
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from spiritlevel.errors import ModelError, SpiritlevelError

T = TypeVar("T")
WAIT = timedelta(days=30)
"""Longest that a rank waits: rank 0 may do much that is no training. A process that dies is noticed at once, by its connection."""


def rank() -> int:
    """The number of this process; 0 alone writes."""
    return int(dist.get_rank()) if dist.is_initialized() else 0


def world() -> int:
    """How many processes train."""
    return int(dist.get_world_size()) if dist.is_initialized() else 1


def join() -> None:
    """Meet the other processes of the launch, as its environment says (RANK, WORLD_SIZE, MASTER_ADDR): gloo on CPUs, nccl on CUDA."""
    if os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes"):
        os.environ.setdefault("SPIRITLEVEL_DEVICE", "cpu")
    cuda = torch.cuda.is_available() and os.environ.get("SPIRITLEVEL_DEVICE", "cuda").startswith("cuda")
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    with _connection():
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=WAIT)


def leave() -> None:
    """Rank 0's farewell: the others end. Nothing to do when a training failed, for that has parted them."""
    if dist.is_initialized():
        with suppress(ModelError):
            _send(None)
        dist.destroy_process_group()


def serve() -> NoReturn:
    """What ranks > 0 do: join each training that rank 0 sends, until it leaves; then end. Rank 0 tells what went wrong."""
    code = _serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # without teardown: gloo's threads can abort in theirs, and there is nothing here to lose


def _serve() -> int:
    try:
        while (task := _receive()) is not None:
            work, arguments = task
            work(*arguments, None)
            del task, work, arguments
    except SpiritlevelError:
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        print(f"spiritlevel: rank {rank()} could not go on training ({type(error).__name__}: {error})", file=sys.stderr)
        return 1
    return 0


def together(work: Callable[..., None], *arguments: Any, listener: object) -> None:
    """`work(*arguments, listener)` here, and with None for a listener on every other rank. `work` is found there by its name."""
    try:
        if world() > 1:
            _send((work, arguments))
        work(*arguments, listener)
    except BaseException:
        # the others may wait in any collective; losing the connection ends them
        if dist.is_initialized():
            dist.destroy_process_group()
        raise


def mine(batches: Sequence[T]) -> Sequence[T]:
    """Every `world`-th, from this rank's own on."""
    return batches[rank() :: world()]


def first(make: Callable[[], T]) -> T:
    """What `make` gives on rank 0, where alone it is called."""
    if world() == 1:
        return make()
    if rank():
        found: T = _receive()
        return found
    found = make()
    _send(found)
    return found


def summed(values: Tensor) -> Tensor:
    """The sum over ranks, in place; equal to the bit on every one."""
    if world() > 1:
        with _connection():
            dist.all_reduce(values)
    return values


def gather(params: Sequence[nn.Parameter]) -> None:
    """Sum gradients over ranks. One that no rank has stays None: an optimiser leaves that weight and its moments alone."""
    if world() == 1:
        return
    has = summed(torch.tensor([p.grad is not None for p in params], dtype=torch.float32, device=params[0].device)).tolist()
    for p, any_ in zip(params, has, strict=True):
        if any_:
            p.grad = summed(torch.zeros_like(p) if p.grad is None else p.grad.contiguous())


def totals(loss: float, right: int, device: torch.device) -> tuple[float, int]:
    """A step's loss and rightly ordered pairs over all ranks."""
    if world() == 1:
        return loss, right
    both = summed(torch.tensor([loss, right], dtype=torch.float64, device=device)).tolist()
    return both[0], int(both[1])


@contextmanager
def _connection() -> Iterator[None]:
    """ModelError for what torch.distributed raises, which is RuntimeError and its children."""
    try:
        yield
    except RuntimeError as error:
        raise ModelError(
            f"The connection between the processes of this launch was lost ({str(error).splitlines()[0][:120]}); "
            "run the same command again, training continues from the last saved state."
        ) from error


class _Out(pickle.Pickler):
    """Pickles all but tensors; these are listed, each once, so that tied weights stay tied."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.tensors: list[Tensor] = []
        self.places: dict[int, int] = {}

    def persistent_id(self, value: Any) -> int | None:
        if not isinstance(value, Tensor):
            return None
        if id(value) not in self.places:
            self.places[id(value)] = len(self.tensors)
            self.tensors.append(value)
        return self.places[id(value)]


class _In(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, tensors: list[Tensor]) -> None:
        super().__init__(file)
        self.tensors = tensors

    def persistent_load(self, place: Any) -> Tensor:
        return self.tensors[place]


def _send(value: Any) -> None:
    """Rank 0 to all: the pickled frame, then tensor after tensor, so that no second copy of a model is ever held."""
    file = io.BytesIO()
    out = _Out(file)
    out.dump(value)
    forms = [(tuple(t.shape), t.dtype, t.device.type, t.requires_grad, isinstance(t, nn.Parameter)) for t in out.tensors]
    with _connection():
        dist.broadcast_object_list([file.getvalue(), forms], src=0, device=torch.device("cpu"))
        for tensor in out.tensors:
            if tensor.numel():
                dist.broadcast(tensor.detach().contiguous().view(-1).view(torch.uint8), src=0)


def _receive() -> Any:
    """The other end of `_send`. The frame is trusted as the launch is: both are this user's processes."""
    box: list[Any] = [None, None]
    tensors: list[Tensor] = []
    with _connection():
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        for shape, dtype, device, learns, parameter in box[1]:
            data = torch.empty(shape, dtype=dtype, device=device)
            if data.numel():
                dist.broadcast(data.view(-1).view(torch.uint8), src=0)
            tensors.append(nn.Parameter(data, requires_grad=learns) if parameter else data.requires_grad_(learns))
    return _In(io.BytesIO(box[0]), tensors).load()
