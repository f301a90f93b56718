"""What hw1-q2.py asks of the processes that train together, where there is only one: see ranks.Team."""

from lab import sweep
from lab.run import Run


class Alone:
    """A team of one."""

    def train_all(self, asked, train):
        """Train what a `sweep.Sweep` asks for, with `train`."""
        return sweep.train_all(asked, train)

    def share(self, dataset):
        """The data set whose batches are this process's share of each batch."""
        return dataset

    def begin_run(self, model, *about):
        """The run, given what a `run.Run` is made of."""
        return Run(*about)

    def model(self, model):
        """The model as it trains."""
        return model

    def step(self, step):
        """What trains on a share of a batch, given what would train on all of it."""
        return step

    def turns(self, starts):
        """Of the blocks that start there, those that this process evaluates."""
        return starts

    def mean(self, losses):
        """The mean over the batches, given a tensor of each batch's loss, as a float."""
        return losses.mean().item()

    def total(self, *numbers):
        """The sums over the processes of each of the numbers."""
        return numbers
