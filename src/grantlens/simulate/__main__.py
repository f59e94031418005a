"""`python -m grantlens.simulate OUT --seed 7 --days 90 --connections 30`."""

import argparse

from grantlens.simulate.generate import generate


def main() -> None:
    """Read the arguments and write a world."""
    parser = argparse.ArgumentParser(
        prog="python -m grantlens.simulate", description="Write simulated logs with their truth."
    )
    parser.add_argument("out", help="directory to write to")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=int, default=90, help="length of the period, at least 80")
    parser.add_argument("--connections", type=int, default=30)
    given = parser.parse_args()
    generate(given.out, given.seed, given.days, given.connections)


if __name__ == "__main__":
    main()
