"""One run of hw1-q2.py on several processes, its ranks, as torchrun starts them.

    torchrun --nproc-per-node 2 hw1-q2.py mlp -batch_size 512

Every rank draws the single run's batches in the single run's order and trains on its share of each;
torch's DistributedDataParallel averages the gradients. Rank 0 alone prints, draws and writes. When one
rank ends, the collectives of the others raise an error, and torchrun sends the others SIGTERM.
"""

import io
import os
import signal
import sys
import time
import traceback
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from lab import process
from lab.run import Run
from utils import InputError, notice

TIMEOUT = 60  # seconds; a batch takes milliseconds, a checkpoint on a slow disk some seconds
GRACE = 6  # seconds in which torchrun ends the other ranks, once rank 0 has failed, on a busy machine too
LOST = (
    f"another process of this run has died, was stopped, or has not answered for {TIMEOUT} seconds; "
    "-resume continues from the last checkpoint, if there is one"
)


def run_script(main):
    """`process.run_script` for one rank. A failure is reported once, by rank 0 where it fails too."""
    rank, stderr, status = int(os.environ["RANK"]), sys.stderr, 1
    if rank:
        sys.stdout, sys.stderr = open(os.devnull, "w"), io.StringIO()  # noqa: SIM115
    try:
        process.run_script(main)
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except BaseException as error:  # noqa: BLE001
        if isinstance(error, dist.DistError) or "gloo" in str(error):  # which has no error class
            notice(LOST)
        else:
            traceback.print_exc()
    if rank and 0 < status < 128:  # else it was stopped, as rank 0 was, which says so
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        time.sleep(GRACE)  # torchrun ends this process here if rank 0 has failed, and has said why
        stderr.write(sys.stderr.getvalue())
    process.flush_or_drop(sys.stdout)
    process.flush_or_drop(stderr)
    os._exit(status)  # Python's own clean-up can hang: gloo's threads wait for a lock that it holds


def join(asked):
    """Connect the ranks, to train what a `sweep.Sweep` asks for. InputError where they cannot."""
    (opt, _), size, gpu = asked.runs[0], *(int(os.environ[k]) for k in ("WORLD_SIZE", "LOCAL_RANK"))
    if asked.swept:
        raise InputError("several processes train one run: give every option a single value")
    if opt.batch_size < size:
        raise InputError(f"-batch_size {opt.batch_size}: must be at least {size}, one per process")
    if opt.device not in ("cpu", "cuda"):
        raise InputError(f"-device {opt.device}: several processes take cpu or cuda")
    if opt.device == "cuda":
        if gpu >= torch.cuda.device_count():
            raise InputError("-device cuda: fewer GPUs than processes; ask torchrun for fewer")
        torch.cuda.set_device(gpu)
    try:
        dist.init_process_group()
    except RuntimeError as error:
        raise InputError(f"the processes cannot reach each other: {error}") from error


def agree(number, complaint):
    """Wait for all ranks to come here; InputError, on each, unless all have the same integer."""
    bounds = torch.tensor([number, -number])
    dist.all_reduce(bounds, dist.ReduceOp.MAX)
    if bounds.sum() != 0:
        raise InputError(complaint)


def parallel(model):
    """The model as all ranks train it together, its gradients the mean of theirs."""
    group = dist.new_group(timeout=timedelta(seconds=TIMEOUT))
    return DistributedDataParallel(model, process_group=group)


def train_epoch(train_batch, batches, model, optimizer, criterion):
    """hw1-q2.py's `train_epoch` on all ranks together, with its `train_batch`; `model` is `parallel`."""
    rank, size, losses = dist.get_rank(), dist.get_world_size(), []
    for X, y in batches:
        share_X, share_y = (whole.tensor_split(size)[rank] for whole in (X, y))
        loss = weighted(criterion, len(share_y) / len(y) * size)
        losses.append(train_batch(share_X, share_y, model, optimizer, loss))
    losses = torch.tensor(losses, device=y.device)
    dist.all_reduce(losses, group=model.process_group)
    return losses.mean().item() / size


def weighted(criterion, weight):
    """The criterion, a mean over a rank's share of a batch, weighted by the share's size. Of an empty
    share it is 0, not nan."""
    return lambda logits, y: criterion(logits, y) * weight if weight else logits.sum()


class RankRun(Run):
    """A rank's `run.Run`: rank 0's keeps the books for all, the others' write nothing."""

    def __init__(self, script, opt, data, names, *rest):
        self.rank, self.ranks = dist.get_rank(), dist.get_world_size()
        if self.ranks > 1:  # with dropout its numbers are not the single run's
            names = names._replace(files=f"{names.files}-ranks-{self.ranks}")
        super().__init__(script, opt, data, names, *rest)

    def __enter__(self):
        """Rank 0 takes the folder; then all meet, and may read its checkpoints."""
        if self.rank == 0:
            super().__enter__()
        agree(int(self.data.sha256[:15], 16), "the processes read different data files")
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None:  # torchrun will signal its processes: what was trained is kept first
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
        if self.rank == 0:
            super().__exit__(kind, error, traceback)

    def epochs(self):
        """Each rank has its own dropout masks, seeded anew each epoch, so that the ranks may change."""
        agree(len(self.history), "the processes see different checkpoints; is -plots_dir shared?")
        for epoch in super().epochs():
            seed = np.random.SeedSequence([self.opt.seed, self.rank, epoch])
            torch.manual_seed(int(seed.generate_state(1, np.uint64)[0]))
            yield epoch

    def end_epoch(self, line, state, **numbers):
        if self.rank == 0:
            super().end_epoch(line, state, **numbers)
        else:
            self.history.append(numbers)

    def finish(self, outcome, **final):
        if self.rank == 0:
            super().finish(outcome, **final)
