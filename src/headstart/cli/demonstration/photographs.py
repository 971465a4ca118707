"""The photographs of ``headstart demo``: tiles of the two sample photographs that come with scikit-learn."""

from __future__ import annotations

from pathlib import Path

__all__ = ["RECTANGLE", "REGIONS", "cut_photographs"]

SIDE, ENLARGED = 48, 96  # pixels of a tile as it is cut out, and as it is written
# Rectangles (left, top, right, bottom) in which a photograph shows one thing only; tiles do not overlap. The tiles of a
# rectangle are held out together, because neighbours look alike: rectangles of a thing are some pixels apart.
REGIONS = {
    "sky": ("china.jpg", [(330, 0, 474, 180), (496, 0, 640, 180), (0, 0, 190, 60)]),
    "tower": ("china.jpg", [(100, 110, 196, 320), (224, 110, 320, 320)]),
    "trees": ("china.jpg", [(365, 310, 575, 427), (0, 350, 200, 427), (585, 150, 640, 427)]),
    "flower": ("flower.jpg", [(195, 105, 291, 345), (339, 105, 435, 345)]),
    "leaves": ("flower.jpg", [(0, 0, 160, 200), (465, 150, 640, 350)]),
}
RECTANGLE = r"(\w+/\d+)-\d+\.png"  # of a tile's name


def cut_photographs(folder: Path) -> Path:
    """Cut the tiles of every region as ``folder/REGION/RECTANGLE-NUMBER.png``, enlarged to 96 pixels a side.

    The photographs are by danielbuechele and vultilion, licence CC BY 2.0, as scikit-learn ships them.

    Examples:
        >>> import tempfile
        >>> sorted(path.name for path in cut_photographs(Path(tempfile.mkdtemp())).iterdir())
        ['flower', 'leaves', 'sky', 'tower', 'trees']
    """
    from PIL import Image
    from sklearn.datasets import load_sample_image

    for name, (photograph, rectangles) in REGIONS.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        page = Image.fromarray(load_sample_image(photograph))
        corners = [
            (rectangle, x, y)
            for rectangle, (left, top, right, bottom) in enumerate(rectangles)
            for y in range(top, bottom - SIDE + 1, SIDE)
            for x in range(left, right - SIDE + 1, SIDE)
        ]
        for number, (rectangle, x, y) in enumerate(corners):
            tile = page.crop((x, y, x + SIDE, y + SIDE)).resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC)
            tile.save(place / f"{rectangle}-{number:02}.png")
    return folder
