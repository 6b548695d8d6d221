#!/usr/bin/env bash
# Measures dnet and PyTorch alternately on the same machine, so that changes of the machine's speed affect both.
#   PYTHON=python3 docs/benchmarks/compare.sh ROUNDS [--size 320] [--width 1] [--threads T] [--shard-size 4] [--repeats R]
# PYTHON must have torch. The figures of all rounds are written to the directory RESULTS, or else to a temporary one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rounds=${1:?"how many rounds? docs/benchmarks/compare.sh 3 --size 320"}
if ! [[ $rounds =~ ^[1-9][0-9]*$ ]]; then
  echo "the first argument is the number of rounds, at least 1, not $rounds" >&2
  exit 2
fi
shift
python=${PYTHON:-python3}
results=${RESULTS:-$(mktemp -d)}
mkdir -p "$results"
"$python" -c 'import torch' 2>/dev/null || { echo "$python has no torch: set PYTHON to one that has" >&2; exit 2; }
. "$here/../../Launch/environment"
command -v dnet >/dev/null || { echo "dnet is not built: run Launch/setup" >&2; exit 2; }

for ((round = 1; round <= rounds; round++)); do
  echo "--- round $round of $rounds: dnet"
  dnet bench --only steps --json "$results/dnet-$round.json" "$@"
  echo "--- round $round of $rounds: PyTorch"
  "$python" "$here/pytorch.py" --json "$results/pytorch-$round.json" "$@"
done

"$python" - "$results" "$rounds" <<'END'
import json, statistics, sys
folder, rounds = sys.argv[1], int(sys.argv[2])
def load(name):
    return [json.load(open(f"{folder}/{name}-{i}.json")) for i in range(1, rounds + 1)]
ours, theirs = load("dnet"), load("pytorch")
print(f"\nimages/s, medians of {rounds} rounds; PyTorch {theirs[0]['torch']} with its better layout; {ours[0]['threads']} threads")
print(f"{'':16}{'dnet':>10}{'PyTorch':>10}{'ratio':>8}   ratios of the rounds")
for step in ("classification_step", "segmentation_step", "inference"):
    key = step + "_images_per_second"
    a, b = [r[key] for r in ours], [r[key] for r in theirs]
    ratios = [x / y for x, y in zip(a, b)]
    print(f"{step.replace('_', ' '):20}{statistics.median(a):6.2f}{statistics.median(b):10.2f}{statistics.median(ratios):8.2f}   "
          + " ".join(f"{r:.2f}" for r in sorted(ratios)))
print(f"figures of each round: {folder}")
END
