"""Ensembles for decks: mean probabilities, spectra that gate, and the check of a plan."""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Float64, Int, Num

from rosalind import measuring
from rosalind.config import Deck, unknown


def averaged(members: Sequence[np.ndarray]) -> Float64[np.ndarray, "n classes"]:
    """The log of the members' mean probability, of their log-probabilities float[n, classes]; at most 0.

    Raises:
        ValueError: members of other samples or classes, or none.
    """
    shapes = {np.shape(member) for member in members}
    if len(shapes) != 1:
        raise ValueError(f"members must have predictions of the same samples and classes, got {sorted(shapes)}.")
    stacked = np.stack(members).astype(np.float64)
    peak = stacked.max(0)
    return peak + np.log(np.exp(stacked - peak).mean(0))


def spectra(images: Num[np.ndarray, "n h w c"]) -> Float64[np.ndarray, "n frequencies"]:
    """Amplitudes of the 2-D Fourier transform of images over all h * w * c frequencies, of unit length per image.

    The mean of a channel, frequency 0, is left out: it would outweigh all others. An image of one colour has zeros.
    """
    amplitudes = np.abs(np.fft.fft2(np.asarray(images, np.float64), axes=(1, 2)))
    amplitudes[:, 0, 0] = 0
    flat = amplitudes.reshape(len(amplitudes), -1)
    # What rounding leaves of a constant image is no spectrum.
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    scale = 1e-9 * np.abs(np.asarray(images, np.float64)).reshape(len(flat), -1).sum(1, keepdims=True)
    return np.divide(flat, length, out=np.zeros_like(flat), where=length > np.maximum(scale, 1e-300))


def nearest(
    images: Num[np.ndarray, "n h w c"], templates: Sequence[np.ndarray], *, together: bool
) -> Int[np.ndarray, " n"]:
    """For every image the template whose mean spectrum is nearest to its own, the first of equal ones.

    Args:
        images: of any scale, which counts for nothing.
        templates: `spectra(...).mean(0)` of each member's training images.
        together: the images' mean spectrum decides for all of them, as for a batch of one domain.
    """
    spectrum = spectra(images)
    spectrum = np.broadcast_to(spectrum.mean(0), spectrum.shape) if together else spectrum
    distances = np.stack([np.linalg.norm(spectrum - template[None], axis=1) for template in templates])
    return distances.argmin(0)


def check(deck: Deck, places: Collection[str], classes: int) -> None:
    """Raise ValueError for fewer than two members, one that is none of `places`, and more classes than cells hold."""
    if len(deck.members) < 2 or len(set(deck.members)) < len(deck.members):
        raise ValueError(f"deck {deck.label!r} must have two or more members, each once, got {list(deck.members)}.")
    for member in deck.members:
        if member not in places:
            raise ValueError(f"deck {deck.label!r}: {unknown('member', member, places)}")
    if classes > measuring.NEAREST:
        raise ValueError(
            f"deck {deck.label!r} needs the logits of all {classes} classes, of which cells hold {measuring.NEAREST}; "
            "leave it out."
        )
