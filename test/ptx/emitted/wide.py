"""Wide forms of projections, as the compiled program states them: what a launch of one takes beyond that of the projection."""
import itertools
import re
from typing import NamedTuple

from cases import TensorMap


class WideForm(NamedTuple):
    """The second function of a projection, which takes tensor maps behind its scalars."""
    symbol: str
    shared: int
    maps: list  # texts

    @staticmethod
    def of(kernel, text):
        symbol, shared, maps = re.search(rf'kernel = @{kernel}, symbol = "(\w+)".*shared = (\d+), maps = (.*)', text).groups()
        return WideForm(symbol, int(shared), re.findall(r"#qvlx\.tensor_map<(.*?)>", maps))


def tensor_map(text, launch):
    """The map that a runtime makes of a launch: a size of 0 is that of a scalar."""
    def field(name):
        return re.search(rf"{name} = \[?([^\]=]*?)\]?(?:, \w+ =|$)", text).group(1)

    def numbers(name):
        return tuple(map(int, field(name).split(", ")))

    dims = tuple(size or launch.scalars[int(field("scalar"))] for size in numbers("sizes"))
    array = launch.buffers[int(field("buffer"))].array
    strides = tuple(itertools.accumulate((array.dtype.itemsize, *dims[:-1]), lambda x, y: x * y))[1:]
    return TensorMap(array, field("element"), dims, strides, numbers("box"), field("swizzle"))
