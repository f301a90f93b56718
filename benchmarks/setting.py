"""The data and the numerical libraries of a measurement, as lines of Markdown.

    python benchmarks/setting.py data/intel_landscapes.npz

speed.py runs it and stays small itself: it neither reads the data nor imports torch.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab.process import run_script
from utils import read_npz


def pools():
    """The BLAS libraries in this process, each with its kernels and its threads, in words."""
    import threadpoolctl

    for pool in threadpoolctl.threadpool_info():
        name = f"{pool['internal_api']} {pool['version'] or ''}".strip()
        kernels = pool.get("architecture") or pool["prefix"]
        yield f"{name} ({kernels}, {pool['num_threads']} threads)"


def main(arguments):
    images = read_npz(arguments[0])["train_images"]
    print(f"- Data: {len(images):,} training examples of {images[0].size:,} features")
    print(f"- NumPy's BLAS: {', '.join(pools())}")  # before torch brings its own

    import torch

    blas = "MKL" if torch.backends.mkl.is_available() else "no MKL"
    print(f"- torch: {torch.get_num_threads()} threads, {blas}")


if __name__ == "__main__":
    run_script(main)
