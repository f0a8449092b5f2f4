"""Writes the old exports in test/golden, as the server's own Python would have.

    python3 test/adapters/dss/make.py

They stand for files that people have; their bytes do not change.
"""

import hashlib
import json
import os
import zipfile

golden = os.path.join(os.path.dirname(__file__), "..", "..", "golden")

manifest = {
    "schemaVersion": "1.4.0",
    "projectName": "Größe",
    "exportDate": "2024-03-01T12:00:00",
    "ratio": 1.0,
    "small": 1e-07,
    "count": 6,
}
tokens = [
    {
        "id": "brand",
        "name": "Brand",
        "value": "#0044ff",
        "type": "color",
        "created_at": "2023-01-02T10:00:00.000001",
        "updated_at": "2023-06-01T08:00:00+02:00",
    },
    {
        "id": "link",
        "value": "{brand}",
        "category": "color",
        "description": "wie die Marke",
        "created_at": "2023-01-02 10:00:00",
        "updated_at": None,
    },
    {"id": 7, "value": 4, "created_at": 1672653600},
]
components = {
    "components": [
        {
            "id": "button",
            "name": "Button",
            "props": {"size": ["s", "m"]},
            "token_references": ["brand", "link"],
            "created_at": "2023-05-01T00:00:00Z",
        }
    ]
}
themes = {
    "items": [
        {
            "id": "dark",
            "tokens": {"brand": "#002288"},
            "created_at": "2023-02-01",
            "updated_at": 1704067200000,
        }
    ]
}
styles = [{"id": "primary", "properties": {"color": "{link}"}, "created_at": "2023-05-01T00:00:00Z"}]


def write(name, compression):
    signed = json.dumps(manifest, sort_keys=True).encode()
    whole = {**manifest, "exportHash": hashlib.sha256(signed).hexdigest()}
    files = {
        "manifest.json": whole,
        "tokens.json": tokens,
        "components.json": components,
        "themes.json": themes,
        "styles.json": styles,
    }
    with zipfile.ZipFile(os.path.join(golden, name), "w", compression) as archive:
        for member, content in files.items():
            entry = zipfile.ZipInfo(member, (2024, 3, 1, 12, 0, 0))
            entry.compress_type = compression
            archive.writestr(entry, json.dumps(content, indent=2))


write("old-deflated.dss", zipfile.ZIP_DEFLATED)
write("old-stored.dss", zipfile.ZIP_STORED)
