"""Question 3: the theory of the homework, checked by running it (NumPy and scipy).

    python hw1-q3.py quadratic -D 5 -K 8        edition 2024-25: a network with activation z(1 - z)
    python hw1-q3.py interval -D 6 -A -2 -B 3   edition 2023-24: is the sum of the inputs in [A, B]?
    python hw1-q3.py convexity                  edition 2023-24, 1.2(a): is the loss convex?

Every claim is checked over many seeded draws, or starts, and printed with its largest error and PASS
or FAIL. The exit status is 1 when a claim fails. Figures go to plots/. The mathematics is in theory/,
for each question a file of definitions and a file of checks; docs/theory.md says how to read it.
"""

import sys
from pathlib import Path

try:
    from threadpoolctl import threadpool_limits

    import utils
    from lab.dataset import open_data
    from lab.figures import save_figure, show_figures
    from lab.files import make_folder
    from lab.options import PLOTS, Parser, positive, seed, whole_number
    from lab.process import run_script
    from theory import convexity_checks, interval_checks, quadratic_checks
    from theory.quadratic import n_features
except ModuleNotFoundError as error:
    advice = "activate the environment, or 'pip install -r requirements.txt'"
    print(f"hw1-q3.py: the package {error.name} is missing; {advice}", file=sys.stderr)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)

MAX_D, MAX_K = 30, 200  # 496 features and a K x 496 matrix A_Theta: seconds, not gigabytes
MAX_ENTRIES = 10**7  # of a matrix of examples, 80 MB


def quadratic(args):
    """Question 3 of 2024-25; returns how many claims failed and the figures, {name: figure}."""
    features = n_features(args.D)
    examples = args.examples or 4 * features
    most = MAX_ENTRIES // features
    if examples > most:
        raise utils.InputError(f"-examples must be from 1 to {most}, not {examples}")
    make_folder(args.plots_dir, "-plots_dir")
    sizes = args.D, args.K, examples
    return quadratic_checks.check(*sizes, args.draws, args.steps, args.seed, args.show)


def interval(args):
    """Question 3 of 2023-24; returns how many claims failed and the figures, {name: figure}."""
    A, B = args.A, args.B
    if A > B:
        raise utils.InputError(f"-A {A} is above -B {B}: the interval is empty; swap them")
    if max(abs(A), abs(B)) > 10**6:
        raise utils.InputError(f"-A {A} and -B {B} must be from -1000000 to 1000000")
    make_folder(args.plots_dir, "-plots_dir")
    return interval_checks.check(args.D, A, B, args.draws, args.seed, args.show)


def convexity(args):
    """1.2(a) of 2023-24; returns how many claims failed and the figures, {name: figure}."""
    data = open_data(args.data_path)
    most = MAX_ENTRIES // data.arrays["train_images"][:1].size
    if args.examples > most:
        raise utils.InputError(f"-examples must be from 2 to {most}, not {args.examples}")
    make_folder(args.plots_dir, "-plots_dir")
    sizes = args.examples, args.hidden_size, args.starts, args.l2_penalty, args.steps
    with threadpool_limits(1, "blas"):  # the same numbers on any machine's cores, and no slower
        return convexity_checks.check(data, *sizes, args.seed, args.show)


def parse_arguments(arguments):
    parser = Parser(prog="hw1-q3.py", description=__doc__.split("\n")[0])
    questions = parser.add_subparsers(required=True, metavar="question")
    whole = whole_number

    def option(name, kind, default, what, shown=None):
        what = f"{what} (default: {shown or default})"
        command.add_argument(name, type=kind, default=default, help=what)

    command = questions.add_parser("quadratic", help="2024-25: a network with activation z(1-z)")
    command.set_defaults(check=quadratic)
    option("-D", whole(1, MAX_D), 5, "inputs")
    option("-K", whole(1, MAX_K), 8, "hidden units")
    examples = "training examples for the descent"
    option("-examples", whole(1, MAX_ENTRIES), None, examples, "4 per feature")
    option("-steps", whole(1, 10**6), 2000, "steps of each descent")
    command = questions.add_parser("interval", help="2023-24: is the sum of x in [A, B]?")
    command.set_defaults(check=interval)
    option("-D", whole(1, 1000), 6, "inputs, each -1 or 1")
    option("-A", int, -2, "least sum, an integer")
    option("-B", int, 3, "greatest sum, an integer")
    command = questions.add_parser("convexity", help="2023-24: is the loss convex in the weights?")
    command.set_defaults(check=convexity)
    file = "data/intel_landscapes.npz or the stand-in images"
    option("-data_path", str, None, "images and labels, as for hw1-q1.py", file)
    option("-examples", whole(2, MAX_ENTRIES), 500, "training images, drawn from the file's")
    option("-hidden_size", whole(2, 1000), 20, "hidden units of the MLP")
    option("-starts", whole(2, 20), 4, "starts of each model")
    option("-l2_penalty", positive, 0.01, "of both models; above 0, for a single minimum")
    option("-steps", whole(1, 10**6), 1000, "steps of each descent at most")

    for name, command in questions.choices.items():
        if name != "convexity":
            option("-draws", whole(1, 100_000), 200, "random draws")
        option("-seed", seed, 42, "of the draws")
        where = "where figures go (default: plots, beside this script)"
        command.add_argument("-plots_dir", type=Path, default=PLOTS, help=where)
        formats = {"nargs": "+", "choices": ("pdf", "png"), "default": ["pdf"]}
        command.add_argument("-plot_format", **formats, help="one or both (default: pdf)")
        command.add_argument("-show", action="store_true", help="open the figures in windows too")
    return parser.parse_args(arguments)


def main(arguments):
    """Check what `arguments`, a list as on the command line, ask for; returns the exit status."""
    args = parse_arguments(arguments)
    try:
        failed, figures = args.check(args)
    except ModuleNotFoundError as error:  # of scipy or matplotlib, imported where they are used
        raise utils.InputError(
            f"the package {error.name} is missing; 'pip install -r requirements.txt'"
        ) from error
    for name, figure in figures.items():
        for ending in args.plot_format:
            save_figure(figure, args.plots_dir / f"{name}.{ending}")
    print(f"{failed} claims FAILED" if failed else "every claim holds")
    if args.show:
        show_figures()
    return 1 if failed else 0


if __name__ == "__main__":
    run_script(lambda arguments: sys.exit(main(arguments)))
