"""Question 3: the theory of the homework, checked by running it (NumPy only).

    python hw1-q3.py quadratic -D 5 -K 8        edition 2024-25: a network with activation z(1 - z)
    python hw1-q3.py interval -D 6 -A -2 -B 3   edition 2023-24: is the sum of the inputs in [A, B]?

Every claim is checked over many seeded draws and printed with its largest error and PASS or FAIL.
The exit status is 1 when a claim fails. Figures go to plots/. The mathematics is in theory/, a
file of definitions and a file of checks for each of the two; docs/theory.md says how to read it.
"""

import sys
from pathlib import Path

import utils
from theory import interval_checks, quadratic_checks
from theory.quadratic import n_features

MAX_D, MAX_K = 30, 200  # 496 features and a K x 496 matrix A_Theta: seconds, not gigabytes
MAX_ENTRIES = 10**7  # of the regression's X, 80 MB
PLOTS = Path(__file__).resolve().parent / "plots"


def require(option, value, least, most):
    """InputError unless least <= value <= most."""
    if not least <= value <= most:
        raise utils.InputError(f"{option} must be from {least} to {most}, not {value}")


def quadratic(args):
    """Question 3 of 2024-25; returns how many claims failed and the figures, {name: figure}."""
    require("-D", args.D, 1, MAX_D)
    require("-K", args.K, 1, MAX_K)
    require("-steps", args.steps, 1, 10**6)
    features = n_features(args.D)
    examples = 4 * features if args.examples is None else args.examples
    require("-examples", examples, 1, MAX_ENTRIES // features)
    utils.make_plots_folder(args.plots_dir)
    return quadratic_checks.check(
        args.D, args.K, examples, args.draws, args.steps, args.seed, args.show
    )


def interval(args):
    """Question 3 of 2023-24; returns how many claims failed and the figures, {name: figure}."""
    require("-D", args.D, 1, 1000)
    if args.A > args.B:
        raise utils.InputError(
            f"-A {args.A} is above -B {args.B}: the interval is empty; swap them"
        )
    require("-A", args.A, -(10**6), 10**6)
    require("-B", args.B, -(10**6), 10**6)
    utils.make_plots_folder(args.plots_dir)
    return interval_checks.check(args.D, args.A, args.B, args.draws, args.seed, args.show)


def parse_arguments(arguments):
    parser = utils.Parser(prog="hw1-q3.py", description=__doc__.split("\n")[0])
    questions = parser.add_subparsers(required=True, metavar="question")

    def number(name, default, what, shown=None):
        command.add_argument(
            name, type=int, default=default, help=f"{what} (default: {shown or default})"
        )

    command = questions.add_parser("quadratic", help="2024-25: a network with activation z(1-z)")
    command.set_defaults(check=quadratic)
    number("-D", 5, "inputs")
    number("-K", 8, "hidden units")
    number("-examples", None, "training examples for the descent", "4 per feature")
    number("-steps", 2000, "steps of each descent")
    command = questions.add_parser("interval", help="2023-24: is the sum of x in [A, B]?")
    command.set_defaults(check=interval)
    number("-D", 6, "inputs, each -1 or 1")
    number("-A", -2, "least sum, an integer")
    number("-B", 3, "greatest sum, an integer")

    for command in questions.choices.values():
        number("-draws", 200, "random draws")
        number("-seed", 42, "of the draws")
        command.add_argument(
            "-plots_dir",
            type=Path,
            default=PLOTS,
            help="where figures go (default: plots, beside this script)",
        )
        command.add_argument(
            "-plot_format",
            nargs="+",
            choices=("pdf", "png"),
            default=["pdf"],
            help="one or both (default: pdf)",
        )
        command.add_argument("-show", action="store_true", help="open the figures in windows too")
    return parser.parse_args(arguments)


def main(arguments):
    """Check what `arguments`, a list as on the command line, ask for; returns the exit status."""
    args = parse_arguments(arguments)
    require("-draws", args.draws, 1, 100_000)
    require("-seed", args.seed, 0, 2**32 - 1)
    failed, figures = args.check(args)
    for name, figure in figures.items():
        for ending in args.plot_format:
            utils.save_figure(figure, args.plots_dir / f"{name}.{ending}")
    print(f"{failed} claims FAILED" if failed else "every claim holds")
    if args.show:
        utils.show_figures()
    return 1 if failed else 0


if __name__ == "__main__":
    utils.run_script(lambda: sys.exit(main(sys.argv[1:])))
