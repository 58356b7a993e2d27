"""Croissant 1.1 metadata of a release, with the fields of its responsible-AI extension.

https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and croissant-rai-spec.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from manifests.facts import Facts
from manifests.tables import TABLES

__all__ = ["croissant"]

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_KINDS = (
    (pa.types.is_boolean, "sc:Boolean"),
    (pa.types.is_integer, "sc:Integer"),
    (pa.types.is_floating, "sc:Float"),
    (pa.types.is_timestamp, "sc:DateTime"),
    (pa.types.is_date, "sc:Date"),
    (pa.types.is_string, "sc:Text"),
    (pa.types.is_binary, "sc:Text"),  # Croissant has no type of bytes
)


def croissant(info: Mapping[str, Any], facts: Facts, sums: Mapping[str, str]) -> dict[str, Any]:
    """The content of croissant.json.

    Args:
        info: the release's meta/info.json.
        facts: its numbers.
        sums: file -> sha256 of its Parquet shards.
    """
    files = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "encodingFormat": "application/x-parquet",
            "sha256": sum_,
        }
        for name, sum_ in sums.items()
    ]
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": f"files-of-{name}",
            "name": f"files-of-{name}",
            "encodingFormat": "application/x-parquet",
            "includes": f"data/{name}/*.parquet",
        }
        for name in info["counts"]
    ]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": f"micro-gestures-{info['version']}",
        "description": info["note"] or "Poses and micro-gestures of people in public video.",
        "version": info["version"],
        "license": "LICENSE",
        "keywords": ["micro-gestures", "human pose", "body language"],
        "isLiveDataset": False,
        **_responsible(info, facts),
        "distribution": [*files, *sets],
        "recordSet": [_record_set(name) for name in info["counts"]],
    }


def _responsible(info: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    makers = sorted({maker for some in info["history"]["made_by"].values() for maker in some})
    agreement = f"{facts.agreements.mean():.3f}" if len(facts.agreements) else "not known"
    fields = {
        "dataCollection": f"{facts.videos} public recordings of {facts.people} people; only stretches of one shot with the "
        "person in view are kept.",
        "dataCollectionType": ["Web scraping", "Manual human curator"],
        "dataCollectionTimeframe": [day.isoformat() for day in facts.checked or ()],
        "dataPreprocessingProtocol": ["Clips of constant frame rate; poses of the person in every frame."],
        "dataAnnotationProtocol": ["Annotators mark start, end and class of each gesture; what they agree on is kept."],
        "annotationsPerItem": f"{facts.annotations} marks for {facts.n_gestures} agreed gestures",
        "dataAnnotationAnalysis": [f"Mean share of annotators who support a gesture's label: {agreement}"],
        "machineAnnotationTools": makers,
        "dataLimitations": [
            "Links may cease to work: the column availability of videos says what they led to, and when."
        ],
        "dataBiases": [
            f"Genders: {dict(facts.genders)}.",
            f"Countries: {dict(facts.countries)}.",
            f"{facts.classes} of {len(facts.gestures)} classes have a gesture.",
        ],
        "personalSensitiveInformation": [
            "Gender",
            "Country",
            "Year of birth",
            "Movements of the body, under pseudonyms",
        ],
        "dataUseCases": ["Recognising and finding micro-gestures", "Not: judging people at work or in education"],
        "dataSocialImpact": "Inferring emotion from people's bodies is restricted by law in some places and settings.",
        "dataReleaseMaintenancePlan": "A published version never changes; people who ask to be left out are not in the next.",
    }
    return {f"rai:{name}": value for name, value in fields.items() if value}


def _record_set(name: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"A row is {TABLES[name].row}.",
        "key": [{"@id": f"{name}/{column}"} for column in TABLES[name].key],
        "field": [_field(name, column) for column in TABLES[name].columns],
    }


def _field(table: str, column: pa.Field) -> dict[str, Any]:
    kind, shape = column.type, {}
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        size = kind.list_size if pa.types.is_fixed_size_list(kind) else -1
        kind, shape = kind.value_type, {"isArray": True, "arrayShape": str(size)}
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{column.name}",
        "name": f"{table}/{column.name}",
        "dataType": next(word for fits, word in _KINDS if fits(kind)),
        "source": {"fileSet": {"@id": f"files-of-{table}"}, "extract": {"column": column.name}},
        **shape,
    }
