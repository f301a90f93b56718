"""Say what is right and wrong in solutions of the homework, and name the mistakes.

    python check.py .                                 hw1-q1.py and hw1-q2.py in this folder
    python check.py hw1-q1.py -only perceptron mlp    two parts of a script
    python check.py class.zip -format html -output class.html

A submission is a script, a folder or a zip; a folder or a zip of many of them is a class. No data
file is needed: every part is run on small numbers of its own, in a sandboxed child process
(docs/check.md says how far it is kept in), and compared with a textbook and with the same textbook with one
known mistake. What is known of mistakes is in checks/.

Exit status: 0 if every part is right (or right by another convention, or fragile), 1 if not, 2 for
a bad option or path.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

try:
    from checks import cache, class_run, machine_formats, page, text
    from checks.parts import PARTS, failed, load_points
    from checks.sandbox.run import FULL_CHECKS, IMPORTS
    from checks.submissions.find import Submission, find
    from checks.submissions.names import printable
    from checks.submissions.script import EDITIONS
    from lab.cores import cores
    from lab.files import replacing
    from lab.options import Parser, whole_number
    from lab.process import Stopped, run_script
    from utils import InputError, notice
except ModuleNotFoundError as error:
    advice = "activate the environment, or 'pip install -r requirements.txt'"
    print(f"check.py: the package {error.name} is missing; {advice}", file=sys.stderr)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)

WRITERS = {
    "json": machine_formats.write_json,
    "csv": machine_formats.write_csv,
    "html": page.write,
    "junit": machine_formats.write_junit,
    "gradescope": machine_formats.write_gradescope,
    "classroom50": machine_formats.write_classroom50,
}
ONE_SUBMISSION = ("gradescope", "classroom50")  # which write something whatever happens


def parse_arguments(arguments):
    parser = Parser(
        prog="check.py",
        description="Say what is right and wrong in solutions of the homework.",
        epilog="Results are remembered in the user's cache folder, and judged again when the "
        "submission, an option or check.py has changed.",
    )
    parser.add_argument(
        "submissions",
        nargs="+",
        metavar="SUBMISSION",
        help="a script, a folder, a zip, or a folder or zip of many of them (a class)",
    )
    parser.add_argument(
        "-edition",
        choices=EDITIONS,
        help="the skeleton that is filled in (default: detected in each submission)",
    )
    parser.add_argument(
        "-format", choices=("text", *WRITERS), default="text", help="default: %(default)s"
    )
    parser.add_argument(
        "-output", type=Path, metavar="PATH", help="the file to write (default: standard output)"
    )
    parser.add_argument(
        "-only",
        nargs="+",
        choices=tuple(PARTS),
        metavar="PART",
        help=f"judge these alone: {', '.join(PARTS)}",
    )
    parser.add_argument(
        "-points", metavar="TOML", help="points of the parts, in a table [points] (default: 1 each)"
    )
    parser.add_argument(
        "-timeout",
        type=whole_number(1, 3600),
        default=30,
        metavar="SECONDS",
        help=f"the longest that one check may take (default: %(default)s); a submission's imports "
        f"may take {IMPORTS} seconds, all of its checks {FULL_CHECKS} times as long as one",
    )
    parser.add_argument(
        "-jobs",
        type=whole_number(1, 256),
        default=cores(),
        metavar="N",
        help="submissions at a time (default: one per core that check.py may use)",
    )
    parser.add_argument(
        "-fresh", action="store_true", help="judge again what was judged before and has not changed"
    )
    return parser.parse_args(arguments)


def main(arguments):
    opt = parse_arguments(arguments)
    points = load_points(opt.points)
    if opt.output:
        check_writable(opt.output)
    try:
        judged = judge(opt)
    except (Exception, Stopped) as error:
        if opt.format in ONE_SUBMISSION:  # a grading platform waits for its file
            submission = Submission(printable(opt.submissions[0]), opt.submissions[0], Path())
            judged = [failed(submission, opt.only or PARTS, f"{type(error).__name__}: {error}")]
            write(judged, points, opt)
        raise
    write(judged, points, opt)
    # Classroom 50 takes any status but 0 as a failure of the grader's.
    if opt.format != "classroom50" and not all(submission.passes for submission in judged):
        sys.exit(1)


def check_writable(output):
    """InputError, before the work, where -output cannot be written."""
    folder = output.absolute().parent
    if not folder.is_dir():
        raise InputError(f"{printable(output)}: its folder does not exist; create it")
    if output.is_dir():
        raise InputError(f"{printable(output)}: is a folder; name a file")
    if not os.access(folder if not output.exists() or output.is_file() else output, os.W_OK):
        raise InputError(f"{printable(output)}: cannot be written; name another file")


def judge(opt):
    """Find and judge the submissions that were named; returns a list of `parts.Judged`."""
    scratch = Path(tempfile.mkdtemp(prefix="check-"))
    remembered = cache.folder()
    if remembered:
        cache.forget_old(remembered)
    try:
        submissions = find(opt.submissions, scratch, notice)
        if opt.format in ONE_SUBMISSION and len(submissions) > 1:
            raise InputError(
                f"-format {opt.format} takes one submission, not {len(submissions)}: name one"
            )
        from checks.judge import judge_submission  # not before the paths are known to be good

        return class_run.judge_all(
            submissions,
            judge_submission,
            edition=opt.edition,
            only=opt.only,
            timeout=opt.timeout,
            jobs=opt.jobs,
            recall=remembered,
            fresh=opt.fresh,
        )
    except Stopped as stopped:
        notice("stopped; what was judged is remembered, and the same command goes on")
        raise Stopped(stopped.signum, told=True) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write(judged, points, opt):
    """Write what was found to -output, whole or not at all, or to standard output."""
    if opt.format == "text":
        terminal = opt.output is None and sys.stdout.isatty()
        colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        width = shutil.get_terminal_size().columns if terminal else 80
        written = text.write(judged, width, colour)
    else:
        written = WRITERS[opt.format](judged, points)
    data = written.encode("utf-8", "backslashreplace")
    if opt.output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif opt.output.exists() and not opt.output.is_file():  # a device or a pipe
        opt.output.write_bytes(data)
    else:
        with replacing(opt.output) as file:
            file.write(data)
        notice(f"written: {printable(opt.output)}")


if __name__ == "__main__":
    run_script(main)
