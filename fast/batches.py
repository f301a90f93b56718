"""The batches of torch's DataLoader, fetched whole from one tensor of bytes, not example by example."""

import numpy as np
import torch

from fast.pixels import feature_statistics, flat
from utils import SPLITS


class ImageTensor:
    """Images and labels on a device, the images as bytes, given out as float32 rows.

    `X[rows]`, of a slice or of a tensor of indices, is a tensor (rows, features).

    images : uint8 array of shape (n, height, width) or (n, height, width, channels), or what gives
        its rows, of which none is read until a batch of them is asked for.
    labels : int64 array of shape (n,).
    scale : None, or the pair (mean, deviation) of `pixels.feature_statistics`.
    """

    def __init__(self, images, labels, device="cpu", scale=None):
        self.bytes = flat(images)
        if isinstance(images, np.ndarray):
            self.bytes = torch.from_numpy(self.bytes).to(device)
        self.y = torch.from_numpy(labels).to(device)
        self.scale = scale and [torch.from_numpy(s.astype(np.float32)).to(device) for s in scale]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, rows):
        if isinstance(self.bytes, torch.Tensor) and isinstance(rows, torch.Tensor):
            # Row by row; bytes[rows] would go pixel by pixel, in five times the time.
            raw = self.bytes.index_select(0, rows)
        else:
            raw = self.bytes[rows]
        X = torch.as_tensor(raw, device=self.y.device).to(torch.float32).mul_(1 / 256)
        if self.scale is not None:
            mean, deviation = self.scale
            X.sub_(mean).div_(deviation)
        return X

    def batch(self, indices):
        """The examples of a tensor of indices: X (batch, features), y (batch,)."""
        indices = indices.to(self.y.device)
        return self[indices], self.y[indices]


def image_tensors(arrays, device, standardize=False):
    """The `ImageTensor` of each split in arrays, in the order of `utils.SPLITS`.

    standardize : give each feature mean 0 and deviation 1 over the training images.
    """
    scale = feature_statistics(arrays["train_images"]) if standardize else None
    return [
        ImageTensor(arrays[f"{split}_images"], arrays[f"{split}_labels"], device, scale)
        for split in SPLITS
    ]


def shuffled_batches(dataset, batch_size, generator):
    """Yield the batches of an epoch, in the order of DataLoader(shuffle=True, generator=generator).

    dataset : an `ImageTensor`, or whatever has its len and `batch`.

    The draws are those of torch's loader and sampler, which turn each index into a Python number.
    """
    torch.empty((), dtype=torch.int64).random_(generator=generator)  # its workers' seed
    order = torch.randperm(len(dataset), generator=generator)
    for indices in order.split(batch_size):
        yield dataset.batch(indices)
    torch.randperm(len(dataset), generator=generator)  # RandomSampler draws one that it drops
