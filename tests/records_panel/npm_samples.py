"""The bundles of others for a clone that has no folder of them: HL7's packages from npm, kept in a cache.

A package that cannot be had fails the run; nothing is skipped.
"""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "shared" / "fhir-samples"
CACHE = Path(__file__).parents[2] / ".cache" / "fhir-samples"
PACKAGES = {
    "hl7.fhir.uv.ips@2.0.0": (
        "example/Bundle-IPS-examples-Bundle-01.json",
        "example/Bundle-IPS-examples-Bundle-with-immunization.json",
        "example/Bundle-bundle-ips-all-sections.json",
        "example/Bundle-bundle-minimal.json",
        "example/Bundle-bundle-no-info-required-sections.json",
    ),
    "hl7.fhir.r4.examples@4.0.1": (
        "AuditEvent-example-rest.json",
        "AuditEvent-example.json",
        "Bundle-lri-example.json",
        "Consent-consent-example-basic.json",
        "Consent-consent-example-notThis.json",
        "FamilyMemberHistory-father.json",
        "ImagingStudy-example-xr.json",
        "ImagingStudy-example.json",
    ),
}


def sample_files(folder: Path = FOLDER) -> list[Path]:
    """Every sample: those of the folder beside the repository, or what npm has of them."""
    if found := sorted(folder.rglob("*.json")):
        return found
    return sorted(path for package, names in PACKAGES.items() for path in _unpacked(package, names))


def _unpacked(package: str, names: tuple[str, ...]) -> list[Path]:
    folder = CACHE / package
    paths = [folder / Path(name).name for name in names]
    if all(path.exists() for path in paths):
        return paths
    folder.mkdir(parents=True, exist_ok=True)
    # `npm install` would follow the dependencies of these packages, which are not on npm.
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
    packed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.strip()
    archive = folder / packed.splitlines()[-1]
    with tarfile.open(archive) as tar:
        for path, name in zip(paths, names, strict=True):
            member = tar.extractfile(f"package/{name}")
            if member is None:
                raise RuntimeError(f"{package} has no {name}")
            path.write_bytes(member.read())
    archive.unlink()
    return paths
