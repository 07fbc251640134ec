"""Memory that is used again, exposure after exposure."""

from typing import cast

import numpy as np
import numpy.typing as npt

__all__ = ["Workspace"]


class Workspace:
    """Memory that exposures are corrected in, one after the other.

    Fresh memory can cost more than the arithmetic done in it. A loop that is done with an exposure before
    it corrects the next passes the same workspace each time.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, npt.NDArray[np.generic]] = {}

    def array[T: np.generic](self, name: str, shape: tuple[int, ...], dtype: type[T]) -> npt.NDArray[T]:
        """Return the array of that name, its contents arbitrary; it is the same one as the last time."""
        array = self._arrays.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            array = np.empty(shape, dtype)
            self._arrays[name] = array
        return cast(npt.NDArray[T], array)
