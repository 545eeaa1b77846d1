"""Fetch the browser files of the charts into ``crmlib/board/static`` (``make bundle``).

Needs npm. Users never run this: the files are committed, with their licences and their sha256.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from plotly.offline import get_plotlyjs_version

STATIC = Path(__file__).resolve().parent.parent / "crmlib" / "board" / "static"
SUMS = STATIC / "SHA256SUMS"

# The locales are released apart from plotly.js and lag behind it; 3.7.0 holds what 4.x asks for.
LOCALES_VERSION = "3.7.0"


def fetch(package: str, folder: Path) -> Path:
    """Download an npm package, unpack it and return its folder."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to make the bundle; it was not found")
    packed = subprocess.run(
        [npm, "pack", "--silent", package],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    target = folder / package.partition("@")[0]
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        archive.extractall(target, filter="data")
    return target / "package"


def locale_script(module: str) -> str:
    """Turn the CommonJS module of a locale into a script that registers it with plotly."""
    head, equals, body = module.partition("module.exports =")
    if not equals or head.strip() != "'use strict';":
        raise SystemExit("the locale file no longer has the form that this tool knows")
    return f"Plotly.register({body.strip().rstrip(';')});\n"


def bundle(folder: Path) -> list[Path]:
    """Put the scripts and their licences into the static folder and list them."""
    version = get_plotlyjs_version()  # the one that plotly for Python writes figures for
    charts = fetch(f"plotly.js-cartesian-dist-min@{version}", folder)
    locales = fetch(f"plotly.js-locales@{LOCALES_VERSION}", folder)
    script = locale_script((locales / "tr.js").read_text(encoding="utf-8"))
    contents = {
        "plotly-cartesian.min.js": (charts / "plotly-cartesian.min.js").read_bytes(),
        "plotly-locale-tr.js": script.encode(),
        "plotly.js-LICENSE.txt": (charts / "LICENSE").read_bytes(),
        "plotly.js-locales-LICENSE.txt": (locales / "LICENSE").read_bytes(),
    }
    STATIC.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (STATIC / name).write_bytes(content)
    return [STATIC / name for name in sorted(contents)]


def main() -> int:
    """Fetch the files, write them down with their sha256 and say what stands there."""
    with tempfile.TemporaryDirectory() as folder:
        files = bundle(Path(folder))
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    lines = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
    SUMS.write_text(lines, encoding="utf-8", newline="\n")
    sys.stdout.write(lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
