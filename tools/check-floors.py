#!/usr/bin/env python3
"""Checks that the house stands: a crate may depend only on the floors below its own.

Reads every manifest under crates/ and fails for an arrow that points up, or sideways. ARCHITECTURE.md explains the
floors; the table below is what the check knows of them. Run it from anywhere; `--self-test` shows that it finds what
it is there to find.
"""

import sys
from pathlib import Path

try:
    import tomllib
except ImportError:
    sys.exit("check-floors: needs Python 3.11 or newer, which can read TOML")

# Package name -> floor. (7 is for models that join families; nobody lives there yet.)
FLOORS = {
    "glassbox-tensor": 1,
    "glassbox-autograd": 2,
    "glassbox-nn": 3,
    "glassbox-nn-derive": 3,
    "glassbox-data": 3,
    "glassbox-train": 4,
    "glassbox-measure": 5,
    "glassbox-transformer": 6,
    "glassbox-unet-diffusion": 6,
    "glassbox-vae": 6,
    "glassbox": 8,
}

# The arrows on one floor that are no mistake: a derive macro is a part of its crate, kept apart because Cargo wants it.
BESIDE = {("glassbox-nn", "glassbox-nn-derive")}
# Its examples need the trait that it derives. Only as a dev-dependency.
BESIDE_IN_TESTS = {("glassbox-nn-derive", "glassbox-nn")}

# What a floor number alone would allow and the house doesn't: data are arrays, they know nothing of gradients; a macro
# is text about text.
MAY_USE_ONLY = {"glassbox-data": {"glassbox-tensor"}, "glassbox-nn-derive": set()}

ROOT = Path(__file__).resolve().parent.parent


def arrows(manifest, workspace):
    """Yields (kind, package) for every dependency of one manifest, under the name that the package really has."""
    tables = [manifest, *manifest.get("target", {}).values()]
    for table in tables:
        for kind in ("dependencies", "build-dependencies", "dev-dependencies"):
            for key, spec in table.get(kind, {}).items():
                if isinstance(spec, dict) and spec.get("workspace"):
                    spec = workspace.get(key, {})
                renamed = spec.get("package") if isinstance(spec, dict) else None
                yield kind, renamed or key


def mistakes(manifests, workspace):
    """The sentences about all arrows that point up or sideways; `manifests` maps a package's name to its manifest."""
    found = []
    for name, manifest in sorted(manifests.items()):
        if name not in FLOORS:
            found.append(f"{name} has no floor; give it one in tools/check-floors.py and ARCHITECTURE.md")
            continue
        for kind, other in arrows(manifest, workspace):
            if other == "glassbox-benches":
                found.append(f"{name} [{kind}] uses {other}, which lives outside the house and looks in")
            if other not in FLOORS or other == name:
                continue
            allowed = BESIDE | BESIDE_IN_TESTS if kind == "dev-dependencies" else BESIDE
            if (name, other) in allowed:
                continue
            here, there = FLOORS[name], FLOORS[other]
            if there >= here:
                way = "up" if there > here else "sideways"
                found.append(f"{name} (floor {here}) [{kind}] uses {other} (floor {there}): an arrow points {way}")
            elif other not in MAY_USE_ONLY.get(name, {other}):
                found.append(f"{name} [{kind}] uses {other}; it may use only {', '.join(sorted(MAY_USE_ONLY[name]))}")
    return found


def read(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


def check():
    manifests = {}
    for path in sorted(ROOT.glob("crates/*/Cargo.toml")):
        manifest = read(path)
        manifests[manifest["package"]["name"]] = manifest
    if not manifests:
        sys.exit("check-floors: no manifests under crates/")
    found = mistakes(manifests, read(ROOT / "Cargo.toml")["workspace"]["dependencies"])
    for sentence in found:
        print(f"check-floors: {sentence}", file=sys.stderr)
    if found:
        sys.exit(1)
    print(f"check-floors: {len(manifests)} crates, every arrow points down")


def self_test():
    FLOORS["glassbox-gan"] = 6  # a second family, to look sideways at
    dep = lambda name, kind="dependencies": {kind: {name: {"path": "x"}}}
    cases = [
        # (package, manifest, how many mistakes)
        ("glassbox-vae", dep("glassbox-train"), 0),
        ("glassbox-vae", dep("glassbox-measure"), 0),
        ("glassbox-measure", dep("glassbox-vae"), 1),  # up: what judges knows none of those it judges
        ("glassbox-vae", dep("glassbox-gan"), 1),  # sideways on floor 6
        ("glassbox-vae", dep("glassbox-gan", "dev-dependencies"), 1),
        ("glassbox-tensor", dep("glassbox-autograd"), 1),  # up
        ("glassbox-tensor", {"target": {"cfg(unix)": dep("glassbox-nn", "build-dependencies")}}, 1),
        ("glassbox-tensor", {"dependencies": {"t": {"package": "glassbox-vae", "path": "x"}}}, 1),  # renamed
        ("glassbox-tensor", {"dependencies": {"house": {"workspace": True}}}, 1),  # renamed in the workspace
        ("glassbox-data", dep("glassbox-autograd"), 1),  # below, and still not allowed
        ("glassbox-nn", dep("glassbox-nn-derive"), 0),
        ("glassbox-nn-derive", dep("glassbox-nn"), 1),
        ("glassbox-nn-derive", dep("glassbox-nn", "dev-dependencies"), 0),
        ("glassbox-nn", dep("glassbox-data"), 1),  # sideways on floor 3
        ("glassbox", dep("glassbox-vae"), 0),
        ("glassbox", dep("glassbox-benches"), 1),
        ("glassbox-unheard-of", {}, 1),
        ("glassbox-tensor", dep("rayon"), 0),
    ]
    workspace = {"house": {"package": "glassbox-vae", "path": "x"}}
    for name, manifest, expected in cases:
        found = mistakes({name: manifest}, workspace)
        if len(found) != expected:
            sys.exit(f"check-floors --self-test: {name} {manifest}: expected {expected} mistakes, found {found}")
    print(f"check-floors --self-test: {len(cases)} cases")


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    elif sys.argv[1:]:
        sys.exit(f"check-floors: unknown argument {sys.argv[1]!r}; there is only --self-test")
    else:
        check()
