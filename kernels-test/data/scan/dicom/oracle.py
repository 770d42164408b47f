"""Writes DICOM series with pydicom under argv[1], the voxels and affine that follow from them beside each, prints their names as JSON."""
import json
import sys
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian,
                         JPEGLSLossless, RLELossless, generate_uid)

ROWS, COLUMNS, SLICES = 24, 32, 5
SPACING = (1.25, 0.75)  # between rows, between columns
root = Path(sys.argv[1])
random = np.random.default_rng(7)


def turned():
    """Directions of rows, columns and slices after three turns."""
    a, b, c = 0.3, -0.2, 0.5
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return (x @ y @ z).T


def text(number):
    return f'{number:.10f}'[:16]


def slice_of(series, syntax, stored, position, directions, slope, intercept, bits, signed):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = '1.2.840.10008.5.1.4.1.1.2'
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.SpecificCharacterSet = 'ISO_IR 100'
    ds.PatientName, ds.PatientID, ds.Modality = 'Müller^Jörg', 'P1', 'CT'
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = '1.2.3', series, '1.2.4'
    ds.SliceThickness = '7'
    ds.ImagePositionPatient = [text(value) for value in position]
    ds.ImageOrientationPatient = [text(value) for value in directions[:2].ravel()]
    ds.PixelSpacing = list(SPACING)
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = ROWS, COLUMNS, 1, 'MONOCHROME2'
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, bits, bits - 1, int(signed)
    ds.RescaleSlope, ds.RescaleIntercept = text(slope), text(intercept)
    # a private element of raw bytes that could be taken for a sequence
    block = ds.private_block(0x0029, 'TEST', create=True)
    block.add_new(1, 'OB', b'\xfe\xff\x00\xe0\xff\xff\xff\xff' * 2)
    big = syntax == ExplicitVRBigEndian
    if syntax in (RLELossless, JPEGLSLossless):
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.PixelData = stored.tobytes()
        ds.compress(syntax, generate_instance_uid=False)
    else:
        ds.PixelData = stored.astype(stored.dtype.newbyteorder('>' if big else '<')).tobytes()
    return ds, dict(enforce_file_format=True) if not big else dict(enforce_file_format=True, little_endian=False, implicit_vr=False)


def write(name, syntax, bits, signed, distance):
    folder = root / name
    folder.mkdir()
    directions = turned()
    series, first = generate_uid(), np.array([-31.5, 12.25, 100.125])
    dtype = 'int16' if signed else 'uint16'
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    names = random.permutation(SLICES)
    volume = np.zeros((COLUMNS, ROWS, SLICES), 'float32')
    for k in range(SLICES):
        stored = random.integers(low, high, (ROWS, COLUMNS)).astype(dtype)
        stored[5:9] = stored[0, 0]  # runs, for the codecs
        slope, intercept = 0.5 + k, -1024.0 + 3 * k
        position = first + distance * k * directions[2]
        ds, how = slice_of(series, syntax, stored, position, directions, slope, intercept, bits, signed)
        ds.save_as(folder / f'{names[k]}.ima', **how)
        volume[..., k] = stored.T.astype('float64') * slope + intercept
    if distance < 0:
        volume, first = volume[..., ::-1], first + distance * (SLICES - 1) * directions[2]
    affine = np.eye(4)
    affine[:3, 0] = directions[0] * SPACING[1]
    affine[:3, 1] = directions[1] * SPACING[0]
    affine[:3, 2] = directions[2] * abs(distance)
    affine[:3, 3] = first
    affine = np.diag([-1, -1, 1, 1]) @ affine
    (root / f'{name}.raw').write_bytes(np.ascontiguousarray(volume).tobytes())
    return dict(name=name, size=list(volume.shape), affine=affine[:3].tolist())


print(json.dumps([
    write('explicit', ExplicitVRLittleEndian, 16, True, 2.5),
    write('implicit', ImplicitVRLittleEndian, 12, False, -2.5),
    write('big_endian', ExplicitVRBigEndian, 16, True, 2.5),
    write('deflated', DeflatedExplicitVRLittleEndian, 12, True, 2.5),
    write('run_lengths', RLELossless, 16, True, -2.5),
    write('jpeg_ls', JPEGLSLossless, 12, False, 2.5),
]))
