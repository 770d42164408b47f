"""Writes the fixtures filters.h5, the same numbers through each filter, and lzf.h5, a split. Needs h5py and hdf5plugin.

usage: make_filters.py FOLDER
"""
import pathlib
import sys

import h5py
import hdf5plugin
import numpy

FILTERS = {
    'gzip': dict(compression='gzip', shuffle=True),
    'lzf': dict(compression='lzf', shuffle=True),
    'blosc': hdf5plugin.Blosc(),
    'blosc2': hdf5plugin.Blosc2(),
    'bitshuffle': hdf5plugin.Bitshuffle(),
    'bzip2': hdf5plugin.BZip2(),
    'lz4': hdf5plugin.LZ4(),
    'zfp': hdf5plugin.Zfp(reversible=True),
    'zstd': hdf5plugin.Zstd(),
    'sz3': hdf5plugin.SZ3(absolute=0.001),
}


def count(*shape):
    return (numpy.arange(numpy.prod(shape)) % 97).reshape(shape).astype('float32')


folder = pathlib.Path(sys.argv[1])
with h5py.File(folder / 'filters.h5', 'w') as file:
    for name, how in FILTERS.items():
        file.create_dataset(name, data=count(2, 8, 8, 8), chunks=(1, 8, 8, 8), **how)
with h5py.File(folder / 'lzf.h5', 'w') as file:
    file.create_dataset('images', data=count(2, 16, 16, 16), chunks=(1, 16, 16, 16), compression='lzf', shuffle=True)
    file.create_dataset('masks', data=count(2, 1, 16, 16, 16) > 40, chunks=(1, 1, 16, 16, 16), compression='lzf')
    file['presence_labels'] = numpy.ones((2, 1), 'int64')
