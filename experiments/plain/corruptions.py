"""The common corruptions of one 32-pixel RGB image as one would write them with NumPy, SciPy, scikit-image,
OpenCV and Pillow: the other side of `benchmarks.py corruptions`. Needs the extra `benchmark`.

Each is `name(image uint8[h, w, 3], constants of a severity, generator) -> uint8[h, w, 3]`.
"""

import functools
import io
import math
from collections.abc import Callable

import cv2
import numpy as np
import skimage
from PIL import Image
from scipy import ndimage

from rosalind.corruptions import Textures


def _bytes(unit: np.ndarray) -> np.ndarray:
    return (255 * np.clip(unit, 0, 1)).astype(np.uint8)


def gaussian_noise(image, row, generator):
    return _bytes(image / 255 + generator.normal(0, row[0], image.shape))


def shot_noise(image, row, generator):
    return _bytes(generator.poisson(image / 255 * row[0]) / row[0])


def impulse_noise(image, row, generator):
    return _bytes(skimage.util.random_noise(image / 255, mode="s&p", amount=row[0], rng=generator))


def speckle_noise(image, row, generator):
    x = image / 255
    return _bytes(x + x * generator.normal(0, row[0], image.shape))


def gaussian_blur(image, row, generator):
    return _bytes(skimage.filters.gaussian(image / 255, row[0], channel_axis=-1))


def defocus_blur(image, row, generator):
    reach = 8 if row[0] <= 8 else int(row[0])
    grid = np.arange(-reach, reach + 1)
    disk = (grid[:, None] ** 2 + grid**2 <= row[0] ** 2).astype(np.float32)
    size = (3, 3) if row[0] <= 8 else (5, 5)
    return _bytes(cv2.filter2D(image / 255, -1, cv2.GaussianBlur(disk / disk.sum(), size, sigmaX=row[1])))


def glass_blur(image, row, generator):
    sigma, reach, passes = row[0], int(row[1]), int(row[2])
    x = _bytes(skimage.filters.gaussian(image / 255, sigma, channel_axis=-1))
    height, width = x.shape[:2]
    for _ in range(passes):
        for h in range(height - reach, reach, -1):
            for w in range(width - reach, reach, -1):
                down, right = generator.integers(-reach, reach, 2)
                x[h, w] = x[h + down, w + right]
    return _bytes(skimage.filters.gaussian(x / 255, sigma, channel_axis=-1))


def _motion(image, radius, sigma, angle):
    reach = 2 * int(radius)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for step in range(reach + 1):
        right = math.ceil(step * math.cos(angle) - 0.5)
        down = math.ceil(step * math.sin(angle) - 0.5)
        kernel[reach + down, reach + right] += math.exp(-(step**2) / (2 * sigma**2))
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def motion_blur(image, row, generator):
    return _motion(image, row[0], row[1], math.radians(generator.uniform(-45, 45)))


def _zoomed(image, factor):
    height = image.shape[0]
    crop = math.ceil(height / factor)
    top = (height - crop) // 2
    factors = (factor, factor, 1)
    whole = ndimage.zoom(image[top : top + crop, top : top + crop], factors, order=1)
    trim = (whole.shape[0] - height) // 2
    return whole[trim : trim + height, trim : trim + height]


def zoom_blur(image, row, generator):
    x = (image / 255).astype(np.float32)
    factors = 1 + row[0] * np.arange(round((row[1] - 1) / row[0]) + 1)
    return _bytes((x + sum(_zoomed(x, f) for f in factors)) / (len(factors) + 1))


def snow(image, row, generator):
    mean, deviation, factor, threshold, radius, sigma, keep = row
    layer = _zoomed(generator.normal(mean, deviation, image.shape[:2])[..., None], factor)
    layer[layer < threshold] = 0
    layer = _motion(_bytes(layer), radius, sigma, math.radians(generator.uniform(-135, -45))) / 255
    layer = layer.reshape(*image.shape[:2], 1)
    x = (image / 255).astype(np.float32)
    grey = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None]
    x = keep * x + (1 - keep) * np.maximum(x, 1.5 * grey + 0.5)
    return _bytes(x + layer + np.rot90(layer, 2))


def frost(image, row, generator, textures: Textures):
    which = generator.integers(5)
    top, left = (generator.integers(0, s - n) for s, n in zip(textures.sizes[which], image.shape, strict=False))
    ice = textures.pixels[which, top : top + image.shape[0], left : left + image.shape[1]]
    return np.clip(row[0] * image + row[1] * ice, 0, 255).astype(np.uint8)


def _noise(generator, width, points):
    return width * generator.uniform(-width, width, (points, points))


def _plasma(size, decay, generator):
    grid, width, points = np.zeros((1, 1)), 100.0, 1
    while points < size:
        noise = functools.partial(_noise, generator, width, points)
        below = grid + np.roll(grid, -1, 0)
        centre = (below + np.roll(below, -1, 1)) / 4 + noise()
        across = (centre + np.roll(centre, 1, 0) + grid + np.roll(grid, -1, 1)) / 4 + noise()
        down = (centre + np.roll(centre, 1, 1) + grid + np.roll(grid, -1, 0)) / 4 + noise()
        points *= 2
        finer = np.empty((points, points))
        finer[::2, ::2], finer[::2, 1::2], finer[1::2, ::2], finer[1::2, 1::2] = grid, across, down, centre
        grid, width = finer, width / decay
    grid -= grid.min()
    return grid / grid.max()


def fog(image, row, generator):
    x, brightest = image / 255, image.max() / 255
    x = x + row[0] * _plasma(image.shape[0], row[1], generator)[: image.shape[0], : image.shape[1], None]
    return _bytes(x * brightest / (brightest + row[0]))


def brightness(image, row, generator):
    hsv = skimage.color.rgb2hsv(image / 255)
    hsv[..., 2] = np.clip(hsv[..., 2] + row[0], 0, 1)
    return _bytes(skimage.color.hsv2rgb(hsv))


def saturate(image, row, generator):
    hsv = skimage.color.rgb2hsv(image / 255)
    hsv[..., 1] = np.clip(hsv[..., 1] * row[0] + row[1], 0, 1)
    return _bytes(skimage.color.hsv2rgb(hsv))


def contrast(image, row, generator):
    x = image / 255
    mean = x.mean((0, 1), keepdims=True)
    return _bytes((x - mean) * row[0] + mean)


def elastic_transform(image, row, generator):
    height, width, _ = image.shape
    x = (image / 255).astype(np.float32)
    centre, half = np.float32((width // 2, height // 2)), height // 3
    points = np.float32([centre + half, centre + np.float32((half, -half)), centre - half])
    moved = points + generator.uniform(-row[2] * height, row[2] * height, (3, 2)).astype(np.float32)
    affine = cv2.getAffineTransform(points, moved)
    x = cv2.warpAffine(x, affine, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    field = lambda: (
        row[0]
        * height
        * ndimage.gaussian_filter(
            generator.uniform(-1, 1, (height, width)), row[1] * height, mode="reflect", truncate=3
        )
    )
    right, down = field(), field()
    rows, columns = np.mgrid[:height, :width]
    at = (rows + down, columns + right)
    channels = [ndimage.map_coordinates(x[..., c], at, order=1, mode="reflect") for c in range(3)]
    return _bytes(np.stack(channels, -1))


def pixelate(image, row, generator):
    picture = Image.fromarray(image)
    small = (int(image.shape[1] * row[0]), int(image.shape[0] * row[0]))
    size = (image.shape[1], image.shape[0])
    return np.asarray(picture.resize(small, Image.Resampling.BOX).resize(size, Image.Resampling.BOX))


def jpeg_compression(image, row, generator):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=int(row[0]))
    return np.asarray(Image.open(file))


def spatter(image, row, generator):
    mean, deviation, sigma, threshold, strength, mud = row
    x = (image / 255).astype(np.float32)
    liquid = skimage.filters.gaussian(generator.normal(mean, deviation, image.shape[:2]), sigma)
    liquid[liquid < threshold] = 0
    if mud:
        amount = skimage.filters.gaussian((liquid > threshold).astype(np.float32), strength)[..., None]
        amount[amount < 0.8] = 0
        return _bytes(x * (1 - amount) + amount * np.array([63, 42, 20]) / 255)
    drops = (255 * liquid).astype(np.uint8)
    far = cv2.distanceTransform(255 - cv2.Canny(drops, 50, 150), cv2.DIST_L2, 5)
    far = cv2.equalizeHist(cv2.blur(np.minimum(far, 20), (3, 3)).astype(np.uint8))
    far = cv2.filter2D(far, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    amount = drops * cv2.blur(far, (3, 3)).astype(np.float32)
    amount = strength * amount / max(amount.max(), 1)
    return _bytes(x + amount[..., None] * np.array([175, 238, 238]) / 255)


PLAIN: dict[str, Callable] = {
    function.__name__: function
    for function in (
        *(gaussian_noise, shot_noise, impulse_noise, defocus_blur, glass_blur, motion_blur, zoom_blur),
        *(snow, frost, fog, brightness, contrast, elastic_transform, pixelate, jpeg_compression),
        *(speckle_noise, gaussian_blur, spatter, saturate),
    )
}
