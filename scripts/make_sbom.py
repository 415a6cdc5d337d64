"""`make sbom`: what the Python packages of the images are, as CycloneDX 1.6 in JSON, from the lock of the builds.

python scripts/make_sbom.py [file]    sbom.json if not given

The same lock gives the same file, byte by byte: it has no time and no random number in it.
"""

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKED = re.compile(
    r"^([A-Za-z0-9._-]+)==([^\s;\\]+)[^\n]*\\\n(?:\s+--hash=sha256:[0-9a-f]{64}[ \\]*\n?)+", re.MULTILINE
)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> list[dict[str, Any]]:
    """Each package of a lock with its files' hashes, in the lock's order."""
    return [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{match[1].lower()}@{match[2]}",
            "name": match[1],
            "version": match[2],
            "purl": f"pkg:pypi/{match[1].lower()}@{match[2]}",
            # One for each file of the release: which of them is installed depends on the machine.
            "externalReferences": [
                {
                    "type": "distribution",
                    "url": f"https://pypi.org/project/{match[1]}/{match[2]}/",
                    "hashes": [{"alg": "SHA-256", "content": value} for value in HASH.findall(match[0])],
                }
            ],
        }
        for match in LOCKED.finditer(lock)
    ]


def document(lock: str) -> dict[str, Any]:
    """The whole of it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, lock)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": project["name"],
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components(lock),
    }


def main() -> None:
    """Write it."""
    file = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "sbom.json"
    made = document((ROOT / "requirements.txt").read_text())
    file.write_text(json.dumps(made, indent=1) + "\n")
    print(f"{file} has {len(made['components'])} packages.")


if __name__ == "__main__":
    main()
