"""One run of hw1-q2.py on several processes, its ranks, as torchrun starts them.

    torchrun --nproc-per-node 2 hw1-q2.py mlp -batch_size 512

Every rank draws the single run's batches in the single run's order and takes its share of each;
torch's DistributedDataParallel adds up the gradients. Rank 0 alone prints, draws and writes. This
module is imported under torchrun and not otherwise; lab/alone.py stands for it in a single process.

How such a run ends badly: a rank that fails, by an exception or killed, breaks the collectives of
the others at once, and torchrun, which watches its processes, sends them SIGTERM. Of all that fail,
one says why: see `Team.first_to_fail`.
"""

import contextlib
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
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from lab import process, sweep
from lab.dataset import open_data
from lab.run import Run
from utils import InputError, notice

# Ranks wait for one another at every batch, which takes milliseconds, and for rank 0 to write a
# checkpoint, which takes seconds on a slow disk: a rank that has not arrived within a minute will not.
TIMEOUT = 60  # seconds
GRACE = 2  # seconds, in which rank 0, if it has failed too, is the one to say why
LOST = f"another process of this run has died, or has not answered for {TIMEOUT} seconds"


def run_script(main):
    """`process.run_script` for a rank, its team as `main`'s; the ranks together say at most one error.

    The process ends without Python's own clean-up, which would stop gloo's threads while
    holding a lock that they may be waiting for.
    """
    status = 0
    try:
        process.run_script(lambda arguments: Team().work(main, arguments))
    except SystemExit as end:
        status = end.code or 0
    except Exception:  # noqa: BLE001, it is shown, as Python would
        traceback.print_exc()
        status = 1
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


class Team:
    """This process among those of its run.

    rank : its number, from 0.
    size : how many ranks there are.

    Until the model is there, ranks meet through torchrun's key-value store, at which they can wait
    as long as it takes to read their data; then through collectives, which have a time limit.
    """

    def __init__(self):
        self.store, self.rank, self.size = next(dist.rendezvous("env://"))
        self.first = None
        self.stderr = sys.stderr
        if self.rank:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            sys.stderr = io.StringIO()  # holds what this rank would say, in case it has to

    # ---- starting, speaking, failing

    def work(self, main, arguments):
        """Call main(arguments, self); if it fails, this rank says so or leaves that to another."""
        try:
            self._meet("started")
            main(arguments, self)
        except BaseException as error:
            if isinstance(error, SystemExit) and not error.code:  # as after -h
                raise
            heard = self.first_to_fail()
            kept = sys.stderr.getvalue() if self.rank else ""
            sys.stderr = self.stderr if heard else io.StringIO()
            if _is_lost(error):
                notice(f"{LOST}; -resume goes on from rank 0's last checkpoint, if there is one")
                sys.exit(1)
            if isinstance(error, process.Stopped):
                if not error.told:
                    name = signal.Signals(error.signum).name
                    notice(f"ended by {name}, which may be because another process died")
                sys.exit(128 + error.signum)
            if isinstance(error, SystemExit):
                sys.stderr.write(kept)
            raise

    def first_to_fail(self):
        """Is it this rank that has to say why the run ends?

        It is the first rank to fail, since one failure brings about the others; or rank 0, if
        several fail by themselves, as all do over a data file that is not there. From here on signals
        are ignored: torchrun signals its processes again, and then kills them.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if self.first is None:
            deadline = time.monotonic() + GRACE
            try:
                while self.rank and not self.store.check(["failed"]):
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.05)
                self.first = self.store.add("failed", 1) == 1
            except RuntimeError:  # the store has gone with torchrun
                self.first = True
        return self.first

    def _meet(self, where):
        """Wait for all ranks to come here."""
        if self.store.add(f"{where}/count", 1) == self.size:
            self.store.set(where, "")
        self._wait_for(where)

    def _wait_for(self, key):
        # In steps: the store's own wait would keep signals out.
        while not self.store.check([key]):
            if self.store.check(["failed"]):
                raise dist.DistError("another rank has failed")
            time.sleep(0.02)

    def agree(self, what, value, question):
        """InputError, with the question what may be the matter, unless `value` is rank 0's too."""
        if not self.rank:
            self.store.set(what, value)
        self._wait_for(what)
        if self.store.get(what).decode() != value:
            raise InputError(f"process {self.rank} has other {what} than process 0; {question}")

    # ---- what a run does in another way

    def train_all(self, asked, train):
        """`sweep.train_all` on all ranks. InputError for several runs: the processes train one."""
        if asked.swept:
            raise InputError("several processes train one run: give every option a single value")
        return sweep.train_all(asked, train, self.open_data)

    def open_data(self, opt):
        """The data set of the options, on rank 0 first, which may have the stand-in to draw.

        InputError also for options that several ranks cannot serve.
        """
        if opt.batch_size < self.size:
            raise InputError(
                f"-batch_size {opt.batch_size}: fewer examples than the {self.size} processes that "
                "are to share them"
            )
        if opt.device not in ("cpu", "cuda"):
            raise InputError(f"-device {opt.device}: several processes take cpu or cuda")
        if opt.device == "cuda":
            local_rank = int(os.environ["LOCAL_RANK"])
            if local_rank >= torch.cuda.device_count():
                raise InputError(
                    f"-device cuda: {torch.cuda.device_count()} GPUs are fewer than the processes "
                    "on this machine; ask torchrun for fewer"
                )
            torch.cuda.set_device(local_rank)
        if self.rank:
            self._wait_for("data")
        data = open_data(opt.data_path)
        self.agree("data", data.sha256, "do all machines see the same file?")
        return data

    def share(self, dataset):
        """The data set whose batches are this rank's share of each of the data set's."""
        return Share(dataset, self)

    def begin_run(self, model, *about):
        """Meet the other ranks to train the model together; a `RankRun` made of `about`."""
        self._meet("loaded")
        self.device = next(model.parameters()).device
        try:
            dist.init_process_group(
                "nccl" if self.device.type == "cuda" else "gloo",
                store=self.store,
                rank=self.rank,
                world_size=self.size,
                timeout=timedelta(seconds=TIMEOUT),
            )
        except RuntimeError as error:
            raise InputError(f"the processes cannot reach each other: {error}") from error
        self.parallel = DistributedDataParallel(model)
        return RankRun(self, *about)

    def model(self, model):
        """The model as it trains: its gradients are those of all ranks together."""
        return self.parallel

    def step(self, step):
        """The step on a share of a batch, in place of `step` on all of it."""
        return self._step

    def _step(self, X, y, length, model, optimizer, criterion):
        """One optimiser step on this rank's share of a batch of `length`; its part of the loss.

        DistributedDataParallel averages gradients over the ranks, however many examples each has.
        So that every example weighs the same, a rank's loss is its share's sum, possibly of
        nothing, over the length of the whole batch, times the number of ranks.
        """
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X), y, reduction="sum") / length
        (loss * self.size).backward()
        optimizer.step()
        return loss.detach()

    def turns(self, starts):
        """Of the blocks that start there, those that this rank evaluates."""
        return starts[self.rank :: self.size]

    def mean(self, losses):
        """The mean over the batches, given this rank's part of each batch's loss, as a float."""
        dist.all_reduce(losses)
        return losses.mean().item()

    def total(self, *numbers):
        """The sums over the ranks of each of the numbers, as floats."""
        numbers = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(numbers)
        return numbers.tolist()


class Share:
    """A rank's share of a data set's batches: (X, y, length of the whole batch).

    Shares differ by at most one example; of a last batch shorter than the ranks are many, some are
    empty. Only the share is fetched.
    """

    def __init__(self, dataset, team):
        self.dataset, self.team = dataset, team

    def __len__(self):
        return len(self.dataset)

    def batch(self, indices):
        share = indices.tensor_split(self.team.size)[self.team.rank]
        return *self.dataset.batch(share), len(indices)


class RankRun(Run):
    """A rank's `run.Run`: rank 0's keeps the books for all, the others' write nothing."""

    code_files = ("lab/ranks.py",)

    def __init__(self, team, script, opt, data, names, *rest):
        if team.size > 1:  # with dropout its numbers are not the single run's
            names = names._replace(files=f"{names.files}-ranks-{team.size}")
        super().__init__(script, opt, data, names, *rest)
        self.team = team
        self.ranks = team.size

    def __enter__(self):
        """Rank 0 takes the folder; the others wait for that, as its checkpoint may be another's."""
        if not self.team.rank:
            super().__enter__()
            self.team.store.set("folder", "")
        self.team._wait_for("folder")
        return self

    def __exit__(self, kind, error, traceback):
        if self.team.rank:
            return
        if kind is not None:
            heard = self.team.first_to_fail()
            if _is_lost(error):
                if heard:
                    notice(LOST)
                kind, error = process.Stopped, process.Stopped(signal.SIGTERM)
        super().__exit__(kind, error, traceback)

    def epochs(self):
        """As in a single run; each rank has dropout masks of its own.

        They are seeded anew for each epoch, so that a run can go on with another number of ranks.
        """
        done = str(len(self.history))
        self.team.agree("finished epochs", done, "do all machines see the same folder?")
        for epoch in super().epochs():
            seed = np.random.SeedSequence([self.opt.seed, self.team.rank, epoch])
            torch.manual_seed(int(seed.generate_state(1, np.uint64)[0]))
            yield epoch

    def save_checkpoint(self):
        if not self.team.rank:
            super().save_checkpoint()

    def finish(self, outcome, **final):
        if not self.team.rank:
            super().finish(outcome, **final)


def _is_lost(error):
    """Is this what a collective raises when another rank is gone? gloo has no error of its own."""
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error)
    )
