"""`python -m tests.fuzz --seed N --count M [--trace]`: run seeds, and tell what broke."""

import argparse
import sys
import time
from collections import Counter

from tests.fuzz.world import CASES, fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help=f"how many seeds, of {CASES} cases each")
    parser.add_argument("--trace", action="store_true", help="print everything that happens")
    parser.add_argument("--keep-going", action="store_true", help="run the other seeds after a failing one")
    options = parser.parse_args()
    began = time.process_time()
    failed, found = 0, Counter[str]()
    for seed in range(options.seed, options.seed + options.count):
        verdict = fuzz(seed, live=options.trace)
        if verdict.broken:
            failed += 1
            found.update({broken.promise for broken in verdict.broken})
            print(f"seed={seed}", flush=True)
            for broken in verdict.broken[:5]:
                print(f"  {str(broken)[:600]}")
            if not options.keep_going:
                break
    seconds = time.process_time() - began
    print(f"{seed - options.seed + 1} seeds of {CASES} cases, {failed} failed {dict(found)}, {seconds:.1f} s of CPU")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
