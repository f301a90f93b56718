"""Run every experiment of an edition of the homework, and write the report.

    python reproduce.py ist-2024
    python reproduce.py ist-2024 -only 1.1 2.2b
    python reproduce.py ist-2024 -report
    python reproduce.py ist-2024 -seeds 5
    python reproduce.py ist-2024 -quick -print | xargs -d '\\n' -P 2 -I{} sh -c '{}'

What an edition asks is in editions/; docs/reproduce.md writes a new one. Each experiment is a command
line of hw1-q1.py, hw1-q2.py or hw1-q3.py, run as it stands, in plots/<edition>. A finished run is
kept for as long as its options, its data and the code are the same; one that was stopped goes on from
its checkpoint. When nothing is left to run, or what is left has failed, the report is written.
"""

import sys
from pathlib import Path

try:
    from editions import commands, dataset, plan, pool, report, tables
    from lab.cores import cores
    from lab.options import PLOTS, Parser, count, whole_number
    from lab.process import Incomplete, Stopped, run_script
    from utils import notice
except ModuleNotFoundError as error:
    advice = "activate the environment, or 'pip install -r requirements.txt'"
    print(f"reproduce.py: the package {error.name} is missing; {advice}", file=sys.stderr)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)


def parse_arguments(arguments):
    parser = Parser(
        prog="reproduce.py",
        description="Run every experiment of an edition of the homework, and write the report.",
    )
    parser.add_argument("edition", help=f"one of {', '.join(tables.names())}")
    parser.add_argument(
        "-only",
        nargs="+",
        metavar="QUESTION",
        help="run these alone: 2.2b, or 2.2 for all its parts (default: all)",
    )
    parser.add_argument(
        "-data_path", metavar="NPZ", help="images and labels (default: the edition's data file)"
    )
    parser.add_argument(
        "-plots_dir",
        type=Path,
        default=PLOTS,
        metavar="DIR",
        help="where the edition's folder goes (default: plots, beside this script)",
    )
    parser.add_argument(
        "-jobs",
        type=count,
        metavar="N",
        help="runs at a time, fewer where memory is short (default: a run for each core)",
    )
    parser.add_argument(
        "-threads",
        type=count,
        metavar="N",
        help="threads of each run (default: what OMP_NUM_THREADS says, else 1)",
    )
    parser.add_argument(
        "-seeds",
        type=whole_number(1, 20),
        metavar="N",
        help="repeat each run with so many seeds, 42 and then 1, 2, ...: what is luck and what is not "
        "(default: the edition's, else 1)",
    )
    parser.add_argument(
        "-quick",
        action="store_true",
        help=f"a {plan.QUICK}th of the epochs, in a folder of its own: to try it, not to report",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "-print",
        action="store_true",
        help="print the command lines that are left to run, relative to the repository, and stop",
    )
    instead.add_argument(
        "-report", action="store_true", help="write the report from what is there, and run nothing"
    )
    opt = parser.parse_args(arguments)
    if opt.report and opt.only:
        parser.error("-report writes the whole report; leave out -only")
    return opt


def main(arguments):
    opt = parse_arguments(arguments)
    edition = tables.load(opt.edition)
    chosen = tables.choose(edition, opt.only)
    commands.check(edition)
    folder = opt.plots_dir / (f"{edition.name}-quick" if opt.quick else edition.name)
    data = dataset.open_dataset(edition, opt.data_path)
    jobs = plan.planned(edition, folder, data, opt)
    left = [] if opt.report else left_to_run(jobs, chosen)

    threads = pool.threads_each(opt.threads)
    if opt.print:
        for job in sorted(left, key=lambda job: job.cost, reverse=True):
            print(job.command_line(threads), flush=True)
        return
    if left:
        at_a_time = opt.jobs or max(1, cores() // threads)
        notice(f"{len(left)} runs to train, {at_a_time} at a time; everything goes to {folder}")
        pool.run_all(left, at_a_time, threads)
    try:
        path = report.write(edition, jobs, folder, data, opt.quick)
    except Stopped as stopped:
        notice("stopped; the finished runs are kept, and the same command writes the report")
        raise Stopped(stopped.signum, told=True) from None
    print(path)
    failed = sum(bool(job.failure) for job in left)
    if failed:
        raise Incomplete(f"{failed} of {len(left)} runs failed, see above and in the report")


def left_to_run(jobs, chosen):
    """Those of the chosen questions' jobs that are to be run, and a notice of why and which are not."""
    left, kept = [], 0
    for job in jobs:
        if not any(question in chosen for question, _ in job.uses):
            continue
        what, why = job.left()
        if what == "kept":
            kept += 1
            continue
        left.append(job)
        if what == "resume":
            job.argv.append("-resume")
        if why:
            notice(f"{job.title}: {why}")
    if kept:
        notice(f"{kept} of {kept + len(left)} runs are there already, and kept")
    return left


if __name__ == "__main__":
    run_script(main)
