"""One thread for the linear algebra of small matrices."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any, cast

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[Any]:
    """Keep matrix products within to one thread.

    Matrices of a few hundred rows gain nothing from more, and on a busy machine the threads of OpenBLAS burn
    forty times the time of the product waiting for each other.
    """
    return cast("AbstractContextManager[Any]", _controller().limit(limits=1, user_api="blas"))


@cache
def _controller() -> ThreadpoolController:
    """Find the libraries, once; it takes longer than a fit."""
    return ThreadpoolController()
