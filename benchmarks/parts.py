"""Where the time of hw1-q2.py's default network goes: the parts of an epoch, each measured alone.

    python benchmarks/parts.py -data_path data/intel_landscapes.npz

A part is what an epoch does of one kind, on tensors of the epoch's shapes, as often as an epoch does
it. The parts and a whole epoch are measured in turn, with one thread as a run of an edition has, or
with `-threads`; the table has the medians. What is left of the epoch is the bookkeeping of autograd, activations,
the criterion and Python. Start, figures and files are of a whole run of one epoch.
"""

import functools
import importlib
import math
from statistics import median

from timing import ROOT, in_turn, parser_of, print_row, record_of, seconds_of

from lab.dataset import open_data
from lab.options import count
from lab.process import run_script

q2 = importlib.import_module("hw1-q2")  # first, as it sets how torch's threads wait

import torch


class Parts:
    """The default network and its data, and what each part of an epoch does with them."""

    def __init__(self, data_path, batch_size):
        self.batch_size = batch_size
        data = open_data(data_path)
        self.train_X, self.val_X, _ = q2.image_tensors(data.arrays, "cpu")
        ((opt, _),) = q2.parse_arguments(["mlp"]).runs
        self.model, self.optimizer = q2.build(opt, data.n_classes, self.train_X.bytes.shape[1])
        self.linear = [part for part in self.model.network if isinstance(part, torch.nn.Linear)]
        self.dropout = [part for part in self.model.network if isinstance(part, torch.nn.Dropout)]
        self.count = math.ceil(len(self.train_X) / batch_size)
        self.criterion = torch.nn.CrossEntropyLoss()
        self.generator = torch.Generator().manual_seed(42)
        self.x, y = self.train_X.batch(torch.arange(min(batch_size, len(self.train_X))))
        self.hidden = torch.rand(len(self.x), self.linear[0].out_features)
        q2.train_batch(self.x, y, self.model, self.optimizer, self.criterion)  # makes gradients

    def batches(self):
        return q2.shuffled_batches(self.train_X, self.batch_size, self.generator)

    def an_epoch(self):
        q2.train_epoch(self.batches(), self.model, self.optimizer, self.criterion)

    def floats_from_bytes(self):
        for _ in self.batches():
            pass

    def products(self):
        """Forward, the gradients of the weights, and of each layer's input but the first."""
        x = self.x
        for _ in range(self.count):
            inputs = [x, *[self.hidden] * (len(self.linear) - 1)]
            for layer, given in zip(self.linear, inputs, strict=True):
                weight = layer.weight.detach()
                error = given @ weight.t()
                error.t() @ given
                if given is not x:
                    error @ weight

    def dropout_masks(self):
        with torch.no_grad():
            for _ in range(self.count):
                for layer in self.dropout:
                    layer(self.hidden) * self.hidden  # once forward, once in the gradient

    def steps(self):
        for _ in range(self.count):
            self.optimizer.step()

    def evaluation(self):
        q2.evaluate(self.model, self.val_X, self.val_X.y, self.criterion)


def main(arguments):
    parser = parser_of(__doc__, rounds=5)
    parser.add_argument("-batch_size", type=count, default=64, help="(default: %(default)s)")
    parser.add_argument("-threads", type=count, default=1, help="(default: %(default)s)")
    opt = parser.parse_args(arguments)
    parts = Parts(opt.data_path, opt.batch_size)
    torch.set_num_threads(opt.threads)
    measured = {
        "matrix products": parts.products,
        "floats from bytes": parts.floats_from_bytes,
        "dropout": parts.dropout_masks,
        "step": parts.steps,
    }
    wholes = {"training": parts.an_epoch, "evaluation": parts.evaluation}
    runners = {
        name: functools.partial(seconds_of, part) for name, part in (measured | wholes).items()
    }
    in_turn(runners, 1)  # warms up
    seconds = {name: median(each) for name, each in in_turn(runners, opt.repeats).items()}
    epoch = seconds["training"] + seconds["evaluation"]
    rest = seconds.pop("training") - sum(seconds[name] for name in measured)
    evaluation = seconds.pop("evaluation")
    print_row("part of an epoch", "seconds", "of it", heads=True)
    shares = seconds | {"all else in training": rest, "evaluation": evaluation}
    for name, value in shares.items():
        print_row(name, f"{value:.3f}", f"{value / epoch:.0%}")
    print_row("an epoch", f"{epoch:.3f}", "")

    command = (ROOT / "hw1-q2.py", "mlp", "-epochs", 1, "-data_path", opt.data_path)
    record, whole, _ = record_of(*command, OMP_NUM_THREADS=str(opt.threads))
    figures = record.seconds["plotting"]
    print_row("figures of the run, once a run", f"{figures:.2f}", "")
    start = whole - record.seconds_of_epochs - figures
    print_row("start, data, files, once a run", f"{start:.2f}", "")


if __name__ == "__main__":
    run_script(main)
