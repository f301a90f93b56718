"""checks.sandbox.run without a sandbox or a new interpreter, for programs that do no harm.

    run(folder, script, request, timeout)

checks/probe.py runs in a forked child of this process, which has NumPy and torch loaded already: that
is what starting an interpreter takes longest with.
"""

import json
import os
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from conftest import ROOT, forked

from checks import sandbox


def run(folder, script, request, timeout, stop=None):
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        shutil.copytree(folder, scratch / "work")
        place = (scratch / "work" / script).parent
        if not (place / "utils.py").exists():
            shutil.copyfile(ROOT / "utils.py", place / "utils.py")
        asked, results = scratch / "request", scratch / "results"
        asked.write_text(json.dumps({**request, "script": Path(script).name}))
        results.touch()

        def probe():
            forget_the_project()
            torch.manual_seed(0)
            os.chdir(place)
            sys.stdin, sys.argv = open(asked), ["probe.py", str(results)]  # noqa: SIM115
            runpy.run_path(str(sandbox.PROBE), run_name="__main__")

        with forked(probe) as child:
            _, err = child.communicate()
        assert child.returncode == 0, err
        said = [json.loads(line) for line in results.read_text().splitlines()]
    found = {each["key"]: each["value"] for each in said if "value" in each}
    ended = all(check["key"] in found for check in request["checks"])
    return sandbox.Outcome(found, *(("finished", "") if ended else ("crashed", "gone")))


def forget_the_project():
    """Have only installed packages be importable, and nothing of the project be imported."""
    folders = {str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks"), ""}
    sys.path = [path for path in sys.path if path not in folders]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(f"{ROOT}{os.sep}") and "site-packages" not in file:
            del sys.modules[name]
