"""What the engine is timed on, each task beside a peer that does the same work on the same pixels."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
from astropy.stats import sigma_clip, sigma_clipped_stats

from infra.images import MaskPlane
from infra.instruments import camera
from tasks.combine.clipping import clipped_statistics_of_amplifier
from tasks.combine.combination import combine
from tasks.combine.spool import ExposureSpool
from tasks.combine.stack import combine_rows
from tasks.isr.chain import correct
from tasks.isr.dithering import dithered
from tasks.isr.overscan import correct_serial_overscan
from tasks.isr.steps import steps_for
from tasks.isr.work import Workspace
from tests.combine.exposures import exposure

type Contest = dict[str, Callable[[], object]]
"""Competitors by name, ours first."""

LAYOUT = camera("LATISS").detector(0).layout()


@cache
def raw_frame():
    """Full-size raw bias (adu)."""
    random = np.random.default_rng(1)
    rows = np.cumsum(random.normal(0, 0.5, (LAYOUT.raw_shape[0], 1)), axis=0)
    return np.round(20_000 + rows + random.normal(0, 7, LAYOUT.raw_shape)).astype(np.int32)


def clip_of_a_stack() -> Contest:
    """Twenty float32 frames of one amplifier, 3 σ, mean."""
    stack = np.random.default_rng(2).normal(0, 8, (20, 2000, 509)).astype(np.float32)

    def by_astropy():
        clipped = sigma_clip(stack, sigma=3, maxiters=3, cenfunc="median", stdfunc="std", axis=0)
        return clipped.mean(axis=0)

    return {
        "calprod: mean, variance, count": lambda: combine_rows(stack),
        "astropy.stats.sigma_clip, mean": by_astropy,
        "numpy mean, no clip": lambda: stack.mean(axis=0),
    }


def statistics_of_an_amplifier() -> Contest:
    """Clipped mean and scatter of one amplifier of 1 Mpix, cut out of an image."""
    image = np.random.default_rng(3).normal(0, 8, (2000, 4072)).astype(np.float32)[:, :509]
    mask = np.zeros((2000, 4072), np.uint16)[:, :509]
    excluded = MaskPlane.BAD | MaskPlane.DETECTED | MaskPlane.NO_DATA
    settings = {"sigma": 5, "maxiters": 3}
    return {
        "calprod": lambda: clipped_statistics_of_amplifier(image, mask, excluded, 5.0, 3),
        "astropy sigma_clipped_stats, median centre": lambda: sigma_clipped_stats(
            image, mask != 0, **settings
        ),
        "astropy sigma_clipped_stats, mean centre": lambda: sigma_clipped_stats(
            image, mask != 0, cenfunc="mean", **settings
        ),
        "numpy mean and std, no clip": lambda: (image.mean(), image.std()),
    }


def serial_overscan() -> Contest:
    """Level of each row of one segment, outliers rejected, subtracted."""
    amplifier = LAYOUT.amplifiers[0]
    segment = raw_frame()[amplifier.raw_box.slices].astype(np.float32)
    overscan = np.ascontiguousarray(segment[:, 3:61])

    def by_numpy():
        first, median, third = np.percentile(overscan, [25, 50, 75], axis=1)
        sigma = 0.74 * (third - first)
        typical = np.median(sigma)
        sigma = np.where(sigma > 2 * typical, typical, sigma)
        far = np.abs(overscan - median[:, None]) > 3 * sigma[:, None]
        levels = np.ma.median(np.ma.masked_where(far, overscan), axis=1).filled(0)
        corrected = segment - levels[:, None].astype(np.float32)
        return corrected, sigma_clipped_stats(overscan - levels[:, None])

    return {
        "calprod": lambda: correct_serial_overscan(segment.copy(), segment[:, :64]),
        "numpy and astropy": by_numpy,
    }


def correction_of_an_exposure() -> Contest:
    """All corrections of one full-size bias exposure."""
    raw, workspace = raw_frame(), Workspace()
    steps = replace(steps_for("bias", "LATISS"), make_variance=False)
    return {
        "calprod: correct": lambda: correct(raw, LAYOUT, steps, workspace=workspace),
        "one pass: integers to float32": lambda: raw.astype(np.float32),
    }


def dithering() -> Contest:
    """Random numbers for one full-size frame."""
    raw = raw_frame()

    def by_numpy():
        image = raw.astype(np.float32)
        image += np.random.RandomState(1).uniform(-0.5, 0.5, raw.shape)
        return image

    return {"calprod": lambda: dithered(raw, 1), "numpy RandomState": by_numpy}


def stack_through_the_spool() -> Contest:
    """Twenty assembled exposures of 4 Mpix: to disk, back, clipped, combined."""
    image = np.random.default_rng(4).normal(0, 8, (2000, 2036)).astype(np.float32)
    exposures = [exposure(np.roll(image, 7 * i, axis=0)) for i in range(20)]

    def by_calprod():
        with ExposureSpool(MaskPlane.DETECTED, expected=20) as spool:
            for one in exposures:
                spool.append(one)
            return combine(spool, [1.0] * 20)

    def by_numpy():
        return np.stack([one.image for one in exposures]).mean(axis=0)

    return {"calprod": by_calprod, "numpy stack and mean, no clip": by_numpy}


CONTESTS: dict[str, Callable[[], Contest]] = {
    "clip of a stack (20 x 1 Mpix)": clip_of_a_stack,
    "clipped statistics (1 Mpix)": statistics_of_an_amplifier,
    "serial overscan (2048 x 576)": serial_overscan,
    "corrections of a bias (18.9 Mpix)": correction_of_an_exposure,
    "dithering (18.9 Mpix)": dithering,
    "spool and stack (20 x 4 Mpix)": stack_through_the_spool,
}
"""All contests, made only when they are run: each holds its pixels."""
