"""The list of what the images have, against the lock."""

import json
import re
import subprocess
import sys
from pathlib import Path

from scripts.make_sbom import components, document
from tests.deploy.manifests import ROOT

LOCK = (ROOT / "requirements.txt").read_text()


def test_it_has_every_package_of_the_lock_with_all_its_hashes() -> None:
    listed = components(LOCK)
    names = re.findall(r"^([a-z0-9._-]+)==", LOCK, re.MULTILINE)
    assert [each["name"] for each in listed] == names
    hashes = [value["content"] for each in listed for value in each["externalReferences"][0]["hashes"]]
    assert hashes == re.findall(r"sha256:([0-9a-f]{64})", LOCK)
    assert {"pkg:pypi/grpcio@1.85.1", "pkg:pypi/starlette@1.10.0"} <= {each["purl"] for each in listed}


def test_the_same_lock_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        subprocess.run([sys.executable, "scripts/make_sbom.py", tmp_path / name], cwd=ROOT, check=True)
    made = (tmp_path / "one").read_text()
    assert made == (tmp_path / "two").read_text()
    assert json.loads(made) == document(LOCK)
    assert document(LOCK)["serialNumber"] != document(LOCK + "# another\n")["serialNumber"]
