"""Looks up argv[1], a JSON list of meanings, in pydicom's dictionary of SNOMED CT: prints {meaning: code}, null where unknown."""
import json
import sys

from pydicom.sr.codedict import codes


def code_of(meaning):
    keyword = ''.join(word.capitalize() for word in meaning.split())
    return getattr(codes.SCT, keyword).value if hasattr(codes.SCT, keyword) else None


print(json.dumps({meaning: code_of(meaning) for meaning in json.loads(sys.argv[1])}))
