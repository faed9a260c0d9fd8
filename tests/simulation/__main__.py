"""`python -m tests.simulation --seed N --count M [--trace]`: run seeds, and tell what broke."""

import argparse
import sys
import time

from tests.simulation.world import simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds")
    parser.add_argument("--trace", action="store_true", help="print everything that happens")
    parser.add_argument("--tail", type=int, default=40, help="lines of the trace to print for a failing seed")
    parser.add_argument("--keep-going", action="store_true", help="run the other seeds after a failing one")
    options = parser.parse_args()
    began = time.process_time()
    failed = 0
    for seed in range(options.seed, options.seed + options.count):
        verdict = simulate(seed, live=options.trace)
        if verdict.broken:
            failed += 1
            print(f"seed={seed}", flush=True)
            for broken in verdict.broken[:5]:
                print(f"  {broken}")
            if not options.trace and not options.keep_going:
                print("\n".join(verdict.tail[-options.tail :]))
            if not options.keep_going:
                break
    print(f"{seed - options.seed + 1} seeds, {failed} failed, {time.process_time() - began:.1f} s of CPU")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
