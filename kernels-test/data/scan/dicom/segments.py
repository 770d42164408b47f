"""Reads the segmentation argv[1] with highdicom, of the series in the folder argv[2]: writes each segment's mask (I, J, K) to argv[3]."""
import json
import sys
from pathlib import Path

import highdicom
import numpy as np
from pydicom import dcmread

segmentation = highdicom.seg.segread(sys.argv[1])
slices = [dcmread(path) for path in Path(sys.argv[2]).iterdir()]
row, column = np.reshape(slices[0].ImageOrientationPatient, (2, 3)).astype(float)
slices.sort(key=lambda ds: np.dot(np.array(ds.ImagePositionPatient, float), np.cross(row, column)))
masks = segmentation.get_pixels_by_source_instance([ds.SOPInstanceUID for ds in slices], assert_missing_frames_are_empty=True)
Path(sys.argv[3]).write_bytes(np.ascontiguousarray(masks.transpose(3, 2, 1, 0)).astype('uint8').tobytes())
segments = [segmentation.get_segment_description(number) for number in segmentation.segment_numbers]
volume = segmentation.get_volume(combine_segments=False, rtol=0.05)


def meaning(segment):
    modifiers = segment.segmented_property_type.get('SegmentedPropertyTypeModifierCodeSequence', [])
    return [segment.segmented_property_type.meaning, *[item.CodeMeaning for item in segment.get(
        'SegmentedPropertyTypeModifierCodeSequence', modifiers)]]


print(json.dumps(dict(
    labels=[segment.segment_label for segment in segments],
    types=[meaning(segment) for segment in segments],
    patient=str(segmentation.PatientName),
    same=[segmentation.get(key) == slices[0].get(key) for key in ('StudyInstanceUID', 'PatientID', 'FrameOfReferenceUID')],
    series=segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID == slices[0].SeriesInstanceUID,
    frames=int(segmentation.NumberOfFrames),
    overlap=segmentation.SegmentsOverlap,
    affine=volume.affine[:3].tolist(),
)))
