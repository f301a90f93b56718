"""The stand-in: six classes of landscapes, drawn by this program to try, test and time the homework.

    for images, labels in standin.chunks("train", standin.SPLITS["train"]): ...
    python data/prepare.py synthetic        writes data/synthetic.npz

What tells the classes apart is shape and texture more than colour, of which a linear model sees averages
alone. The bytes are the same on every machine: the arithmetic is on integers, and the random numbers
are the raw bits of NumPy's PCG64, whose stream NumPy promises not to change.
"""

import numpy as np
from numpy.random import PCG64, SeedSequence

import utils
from lab.datafile import print_counts, progress_bar, write_npz
from lab.known_data import KNOWN

CLASSES = KNOWN["synthetic"].classes
SPLITS = dict(zip(utils.SPLITS, KNOWN["synthetic"].sizes, strict=True))  # examples
SIZE = 48  # pixels per side
CHUNK = 512  # images drawn at once, with a random stream of their own
SEED = 4
# In photographs a class shows another, a street its buildings: of so many in a hundred images the label
# names the neighbour of what is drawn.
AMBIGUOUS, NEIGHBOURS = 12, np.array([5, 3, 3, 2, 2, 0])

rows, columns = np.arange(SIZE, dtype=np.int16)[:, None], np.arange(SIZE, dtype=np.int16)
SKY = [(130, 170, 215), (95, 145, 205), (175, 200, 225), (205, 210, 215), (225, 185, 140)]
ROCK = [(105, 98, 90), (80, 82, 88), (125, 112, 98), (65, 70, 80)]
SNOW = [(210, 220, 230), (185, 202, 218), (165, 188, 208), (225, 226, 228)]
LEAF = [(70, 92, 42), (92, 112, 58), (48, 66, 38), (105, 102, 58), (140, 105, 50)]
BARK = [(60, 48, 38), (38, 34, 32), (95, 82, 70)]
WATER = [(62, 96, 125), (48, 76, 105), (80, 125, 140), (135, 155, 170)]
SAND = [(190, 170, 140), (160, 145, 120), (120, 110, 100)]
WALL = [(150, 122, 102), (172, 158, 140), (125, 125, 130), (202, 194, 176), (82, 90, 104)]
ROAD = [(98, 98, 100), (130, 126, 120), (78, 78, 82)]
# Grains: the amplitude of a surface's noise in cells of 16, 8, 4, 2 and 1 pixels.
LEAFY, ROUGH, SMOOTH = (26, 20, 22, 26, 22), (14, 14, 14, 12, 9), (12, 8, 5, 3, 2)


def write(path, times=1):
    """Write the stand-in as a data file, `times` as many examples in every split as SPLITS has."""
    sizes = {split: times * n for split, n in SPLITS.items()}
    with progress_bar(total=sum(sizes.values()), unit=" images") as bar:

        def counted(split):
            for chunk in chunks(split, sizes[split]):
                yield chunk
                bar.update(len(chunk[1]))

        splits = {split: (n, counted(split)) for split, n in sizes.items()}
        labels = write_npz(path, (SIZE, SIZE, 3), splits)
    print_counts(path, labels, CLASSES)


def chunks(split, n):
    """Yield the first n examples of a split, at most CHUNK at a time: images (m, 48, 48, 3), uint8,
    and labels (m,), int64. A longer set starts with the shorter one.
    """
    for start in range(0, n, CHUNK):
        bits = PCG64(SeedSequence([SEED, list(SPLITS).index(split), start // CHUNK]))
        labels = integers(bits, 0, len(CLASSES) - 1, (CHUNK,))
        ambiguous = integers(bits, 1, 100, (CHUNK,)) <= AMBIGUOUS
        shown = np.where(ambiguous, NEIGHBOURS[labels], labels)
        images = np.empty((CHUNK, SIZE, SIZE, 3), np.uint8)
        for kind, name in enumerate(CLASSES):
            members = np.flatnonzero(shown == kind)
            scenes = Scenes(bits, len(members))
            getattr(scenes, name)()
            images[members] = scenes.photographed()
        yield images[: n - start], labels[: n - start].astype(np.int64)


def integers(bits, low, high, shape):
    """int16 array, uniform on low..high, both included, but for a bias below 1%."""
    count = int(np.prod(shape))
    u16 = bits.random_raw(-(-count // 4)).astype("<u8", copy=False).view("<u2")[:count]
    spread = u16.astype(np.uint32).reshape(shape) * np.uint32(high - low + 1) >> np.uint32(16)
    return spread.astype(np.int16) + np.int16(low)


class Scenes:
    """n pictures of a class, painted back to front: at every pixel the number of one of its image's
    colours, and what is added to it.
    """

    def __init__(self, bits, n):
        self.bits, self.n, self.colours = bits, n, []
        self.layer, self.shade = np.zeros((2, n, SIZE, SIZE), np.int16)
        self.paint(self.layer == 0, SKY, SMOOTH, (rows - 20) * self.number(-1, 2))

    def number(self, low, high):
        """One integer per image, (n, 1, 1)."""
        return integers(self.bits, low, high, (self.n, 1, 1))

    def paint(self, mask, colours, grain, more=0):
        """Cover the mask, which fits (n, 48, 48), with one of the colours an image, with a grain."""
        chosen = np.array(colours, np.int16)[self.number(0, len(colours) - 1)[:, 0, 0]]
        self.colours.append(chosen + self.number(-22, 22)[:, 0])
        np.copyto(self.layer, len(self.colours) - 1, where=mask)
        np.copyto(self.shade, self.noise(grain) + more, where=mask)

    def noise(self, amplitudes, shape=(3, 3)):
        """Cloud-like noise: a grid (n, *shape), doubled four times, with noise added at each level."""
        grid = np.zeros((self.n, *shape), np.int16)
        for level, amplitude in enumerate(amplitudes):
            for axis in (1, 2) if level else ():
                if shape[axis - 1] > 1:
                    grid = grid.repeat(2, axis)
                    lines = np.moveaxis(grid, axis, 0)
                    lines[1:-1:2] = (lines[1:-1:2] + lines[2::2]) >> 1
            grid += integers(self.bits, -amplitude, amplitude, grid.shape)
        return grid

    def ridge(self, low, high):
        """The row of a skyline's top at every column, (n, 1, 48), about low..high."""
        return self.number(low, high) + self.noise((8, 5, 4, 2, 0), (1, 3))

    def box(self, left, width, top, bottom):
        """The mask of a rectangle, (n, 48, 48)."""
        return (columns >= left) & (columns < left + width) & (rows >= top) & (rows < bottom)

    def wall(self, mask):
        """Cover the mask with a wall, whose windows are darker than it or lit."""
        across = (columns + self.number(0, 7)) % self.number(3, 7) < self.number(1, 3)
        down = (rows + self.number(0, 7)) % self.number(3, 8) < self.number(1, 4)
        self.paint(mask, WALL, ROUGH, self.number(-95, 45) * (across & down))

    def buildings(self):
        for _ in range(3):
            roof = self.number(-12, 34) + ((columns - 24) * self.number(-10, 10) >> 5)
            self.wall(self.box(self.number(-14, 40), self.number(10, 40), roof, SIZE))
        self.paint(rows >= self.number(36, 60), ROAD + LEAF, ROUGH)

    def forest(self):
        top = self.ridge(-36, 18)
        gaps = self.noise((20, 20, 20, 14, 8)) > self.number(26, 90)
        self.paint((rows >= top) & ~gaps, LEAF, LEAFY)
        for _ in range(5):  # trunks, half of them outside the picture
            left = self.number(-48, 47) + ((rows - 24) * self.number(-5, 5) >> 5)
            self.paint(self.box(left, self.number(1, 4), top, SIZE), BARK, ROUGH)
        self.paint(rows > self.ridge(28, 62), LEAF + SAND, LEAFY)

    def glacier(self):
        self.paint(rows > self.ridge(-4, 26), ROCK + SNOW, ROUGH)
        crevasses = np.abs(self.noise((16, 20, 20, 12, 6))) < self.number(0, 9)
        self.paint(rows > self.ridge(4, 36), SNOW, ROUGH, self.number(-70, -10) * crevasses)
        self.paint(rows > self.ridge(24, 66), WATER + ROCK, SMOOTH)

    def mountain(self):
        for low, high in ((4, 30), (20, 46)):
            top = self.ridge(low, high)
            rise = np.diff(top, axis=2, append=top[:, :, -1:])  # to the right: it lies in the light
            self.paint(rows > top, ROCK + LEAF, ROUGH, rise * self.number(-12, 0))
            line = top + self.number(-24, 16) + self.noise(SMOOTH)
            self.paint((rows > top) & (rows < line), SNOW, ROUGH)

    def sea(self):
        self.paint(rows > self.ridge(8, 60), ROCK + LEAF, ROUGH)
        horizon = self.number(6, 34)
        waves = integers(self.bits, -40, 40, (self.n, SIZE, 6)).repeat(8, axis=2)
        self.paint(rows > horizon, WATER + SKY, SMOOTH, waves * self.number(1, 8) >> 3)
        beach = self.ridge(28, 80) + ((columns - 24) * self.number(-24, 24) >> 5)
        self.paint(rows > np.maximum(beach - 2, horizon), SNOW, ROUGH)
        self.paint(rows > np.maximum(beach, horizon), SAND + ROCK, ROUGH)

    def street(self):
        vanishing, eye = self.number(8, 40), self.number(18, 34)
        aside = np.abs(columns - vanishing)
        houses = rows > eye - (aside * self.number(10, 90) >> 5)
        self.wall(houses & (columns < vanishing))
        self.wall(houses & (columns >= vanishing))
        self.paint(rows > eye + (aside * self.number(8, 40) >> 5), ROAD, ROUGH)
        for _ in range(3):  # cars and people: the nearer, the lower their feet and the larger
            size = self.number(3, 24)
            top = eye + size - (size * self.number(8, 20) >> 4)
            thing = self.box(self.number(-4, 46), size * self.number(2, 14) >> 4, top, eye + size)
            self.paint(thing, WALL + BARK, SMOOTH)

    def photographed(self):
        """The pictures (n, 48, 48, 3) in uint8, mirrored or not, in a camera's contrast, light and tint."""
        flat = np.stack(self.colours, axis=1).reshape(-1, 3)
        first = np.arange(self.n)[:, None, None] * len(self.colours)
        pixels = flat[self.layer + first] + self.shade[..., None]
        mirrored = self.number(0, 1)[:, 0, 0] == 1
        pixels[mirrored] = pixels[mirrored, :, ::-1]
        mean = pixels.sum((1, 2, 3), dtype=np.int32, keepdims=True) // pixels[0].size
        pixels -= (mean + 125 >> 1).astype(np.int16)
        pixels *= self.number(12, 26)[..., None]
        pixels >>= 4
        pixels += self.number(50, 105)[..., None] + integers(self.bits, -12, 12, (self.n, 1, 1, 3))
        pixels += self.noise((14, 10, 4, 4, 4))[..., None]
        return np.clip(pixels, 0, 255, out=pixels).astype(np.uint8)
