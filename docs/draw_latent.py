"""Draw latent.svg: the plane in which samples/vae.nn puts the images of handwritten digits, in a colour for each digit.

    python docs/draw_latent.py

It trains the sample, which is told nothing of the digits, and then has it predict the place of each image.
"""

import argparse
from pathlib import Path

import numpy as np

import nnc

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
SIZE = 640  # of the picture, for places from -REACH to REACH
REACH = 2.9
COLOURS = (
    "#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#c060a1", "#a463f2", "#7aa6e8", "#9c6b4e", "#8a8f98",
)  # fmt: skip


def places(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the trained sample puts each image [images, 2], and the digit that it shows [images]."""
    with np.load(SAMPLES / "data" / "digits.npz") as data:
        pixels = np.concatenate([data["pixels"], data["pixels_val"]])
        digit = np.concatenate([data["digit"], data["digit_val"]])
    model = nnc.load(SAMPLES / "vae.nn")(seed=seed)
    model.fit(verbose=0)
    return model.predict(pixels, verbose=0)["place"], digit


def picture(place: np.ndarray, digit: np.ndarray) -> str:
    """A dot for each image, and each digit's name at the median of its dots."""
    points = np.round((place * [1, -1] / REACH + 1) * SIZE / 2).astype(int)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" height="{SIZE}">',
        f'<rect width="{SIZE}" height="{SIZE}" fill="#ffffff"/>',
        '<g fill="none" stroke-width="7" stroke-linecap="round" stroke-opacity="0.75">',
    ]
    for shown, colour in enumerate(COLOURS):
        dots = "".join(f"M{x},{y}h0" for x, y in points[digit == shown])
        lines.append(f'<path stroke="{colour}" d="{dots}"/>')
    lines.append('</g>\n<g font-family="sans-serif" font-size="34" font-weight="bold" text-anchor="middle">')
    for shown in range(len(COLOURS)):
        x, y = np.median(points[digit == shown], axis=0).astype(int)
        outline = 'stroke="#ffffff" stroke-width="6" paint-order="stroke"'
        lines.append(f'<text x="{x}" y="{y + 12}" fill="#202020" {outline}>{shown}</text>')
    return "\n".join([*lines, "</g>", "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the plane of samples/vae.nn.")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("latent.svg"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.output.write_text(picture(*places(given.seed)), encoding="utf-8")
    print(f"{given.output}: {given.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
