"""README, CONTRIBUTING and docs/: their links and anchors lead somewhere, their commands run."""

import importlib
import re
import shlex

import pytest
from conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# In a fenced block a line each; in a sentence or a table between backticks.
COMMAND = re.compile(r"(?:^|`|&& )(?:\.venv/bin/)?(python|torchrun) ([^`\n#]+)", re.MULTILINE)


def anchors(page):
    """What `#...` may follow a page's name: its headings as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    words = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {word.strip().replace(" ", "-") for word in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_anchors_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_code_exist(page):
    """`fast/blocks.py` and the like, but for what a run or a user makes."""
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|jinja|txt|toml))`", text):
        if name.rpartition("/")[2] in {"next.toml", "points.toml", "autograder.py"}:
            continue
        places = [ROOT / name, *(ROOT.glob(f"*/{name}"))]
        assert any(place.exists() for place in places), name


def commands():
    """The commands of all pages, each once, as (program, words)."""
    found = {}
    for page in PAGES:
        for program, line in COMMAND.findall(page.read_text(encoding="utf-8")):
            words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])
            found[program, *words] = None
    return list(found)


def test_there_are_commands_to_check():
    assert len(commands()) > 15
    assert any("hw1-q2.py" in command for command in commands())


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_a_command_runs(command, run_main, tiny_npz, tmp_path, blank_figures, request):
    """Those that train with a tiny budget; of the others the command line is understood."""
    script, *words = [word for word in command[1:] if not word.startswith("--nproc")]
    if script == "2":  # of torchrun's option
        script, *words = words
    if script == "-m":
        assert words[0] in ("pytest", "venv")
        assert all((ROOT / word).exists() for word in words if word.startswith("tests/"))
        return
    assert (ROOT / script).exists()
    where = ["-plots_dir", tmp_path / "plots"]
    if script in ("hw1-q1.py", "hw1-q2.py"):
        if "-data_path" in words:
            at = words.index("-data_path")
            del words[at : at + 2]
        module = request.getfixturevalue(script[4:6])
        done = run_main(module, *words, "-epochs", 1, "-data_path", tiny_npz, *where)
        assert done.status == 0, done.err
    elif script == "hw1-q3.py":
        budget = {"convexity": ["-examples", 12, "-steps", 5, "-data_path", tiny_npz]}
        few = budget.get(words[0], ["-draws", 5])
        module = importlib.import_module("hw1-q3")
        module.parse_arguments([*map(str, words), *map(str, [*few, *where])])
    elif script == "reproduce.py":
        importlib.import_module("reproduce").parse_arguments(words)
    elif script == "check.py":
        importlib.import_module("check").parse_arguments(words)
    elif script == "data/prepare.py":
        if words:
            importlib.import_module("data.prepare")._parser().parse_args(words)
    else:
        paths = (script, "benchmarks/timing.py")  # which has the options that they share
        source = "".join((ROOT / path).read_text(encoding="utf-8") for path in paths)
        assert all(f'"{word}"' in source for word in words if word.startswith("-"))
