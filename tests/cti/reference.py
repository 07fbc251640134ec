"""The published ways to read out a register and to give its charge back, written with numpy."""

import numpy as np
from scipy.optimize import least_squares

__all__ = ["fit_transfers", "give_back", "read_out"]


def read_out(signals, width, prescan, overscan, cti, drift, decay, trap=None):
    """Read rows out step by step, as Rubin ip_isr's segment simulator does: shape (n, all columns)."""
    charge = np.zeros((len(signals), prescan + width))
    charge[:, prescan:] = np.asarray(signals)[:, None]
    readings = np.empty((len(signals), prescan + width + overscan))
    offset, held = np.zeros(len(signals)), np.zeros(charge.shape)
    sizes = np.zeros(charge.shape)
    if trap is not None:
        size, scale, emission = trap
        sizes[:, 1] = size
    for step in range(readings.shape[1]):
        if trap is not None:
            captured = np.clip(np.minimum(size, scale * charge), held, sizes) - held
            charge = charge - captured
            held = held + captured
        transferred, deferred = charge * (1 - cti), charge * cti
        offset = np.maximum(drift * transferred[:, 0], offset * np.exp(-1 / decay))
        readings[:, step] = transferred[:, 0] + offset
        charge = np.pad(transferred, ((0, 0), (0, 1)))[:, 1:] + deferred
        if trap is not None:
            released = held * (1 - np.exp(-1 / emission))
            charge = charge + released
            held = held - released
    return readings


def fit_transfers(signals, overscan, width, prescan, drift, decay):
    """Fit the inefficiency of the transfers with the model of the whole readout; its logarithm."""
    n = overscan.shape[1]

    def residuals(parameters):
        model = read_out(signals, width, prescan, n, 10.0 ** parameters[0], drift, decay)
        return (model[:, -n:] - overscan).ravel()

    return least_squares(residuals, [-6.0], bounds=([-12.0], [-5.0]), x_scale="jac").x[0]


def give_back(image, drift, decay, trap=None, cti=0.0):
    """Give back charge as ip_isr does: output amplifier and linear trap, all pixels of a window each time."""
    offsets = np.zeros((15, *image.shape))
    for j in range(15):
        offsets[j, :, j:] = drift * np.maximum(0, image[:, : image.shape[1] - j]) * np.exp(-j / decay)
    image = image - offsets.max(axis=0)
    if trap is None:
        return image
    size, scale, emission = trap
    kept = np.exp(-1 / emission)
    occupied = np.zeros((6, *image.shape))
    for n in range(6):
        taken = np.minimum(size, scale * np.maximum(0, image[:, : -(n + 1)]))
        occupied[n, :, n + 1 :] = taken * kept**n
    wanted = np.minimum(size, scale * np.maximum(0, image))
    occupied = occupied.max(axis=0)
    return image - (1 - cti) * (occupied * (1 - kept) - np.maximum(0, wanted - occupied * kept))
