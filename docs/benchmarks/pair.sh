#!/usr/bin/env bash
# Compares P ranks of T threads with one rank of T threads, alternately with as many PyTorch processes
# (DistributedDataParallel, gloo), and with P independent programs that have an equal part of the shards each, which show what
# the machine's memory and clock leave of P times one rank. All alternate, so that changes of the machine's speed affect all.
#   PYTHON=python3 docs/benchmarks/pair.sh ROUNDS [--width 0.25] [--size 160] [--shards 16] [--shard-size 4]
# PYTHON should have torch; without torch only dnet is measured. RANKS (2) and THREADS (1) may be set. The figures are written
# to the directory RESULTS, or else to a temporary one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rounds=${1:?"how many rounds? docs/benchmarks/pair.sh 5 --size 160"}
if ! [[ $rounds =~ ^[1-9][0-9]*$ ]]; then
  echo "the first argument is the number of rounds, at least 1, not $rounds" >&2
  exit 2
fi
shift
python=${PYTHON:-python3}
ranks=${RANKS:-2}
threads=${THREADS:-1}
results=${RESULTS:-$(mktemp -d)}
mkdir -p "$results"
. "$here/../../Launch/environment"
command -v dnet >/dev/null || { echo "dnet is not built: run Launch/setup" >&2; exit 2; }
size=(--width 0.25 --size 160 --shards 16 --shard-size 4 "$@")
for ((i = 0; i < ${#size[@]}; i++)); do if [[ ${size[i]} == --shards ]]; then shards=${size[i + 1]}; fi; done
"$python" -c 'import torch' 2>/dev/null && torch=yes || { torch=; echo "$python has no torch: only dnet is measured" >&2; }

# Both get the same cores from mpirun, T for each rank.
bench() {
  mpirun -n "$1" --map-by "slot:PE=$threads" --bind-to core dnet bench --scaling --phase "$2" --threads "$threads" "${size[@]}" \
    --json "$results/dnet-$2-$1-$round.json" | grep -F images/s
}
apart() {
  local jobs=() rank
  for ((rank = 0; rank < ranks; rank++)); do
    taskset -c "$((rank * threads))-$((rank * threads + threads - 1))" dnet bench --scaling --phase "$1" --threads "$threads" \
      "${size[@]}" --shards "$((shards / ranks))" --json "$results/apart-$1-$rank-$round.json" >/dev/null &
    jobs+=($!)
  done
  wait "${jobs[@]}"
}
for ((round = 1; round <= rounds; round++)); do
  for phase in classification segmentation; do
    echo "--- round $round of $rounds: dnet, 1 rank and $ranks ranks of $threads threads"
    bench 1 $phase
    bench "$ranks" $phase
    apart $phase
  done
  if [[ $torch ]]; then
    echo "--- round $round of $rounds: PyTorch, 1 process and $ranks"
    "$python" "$here/ddp.py" --rounds 1 --processes "$ranks" --threads "$threads" "${size[@]}" --json "$results/ddp-$round.json" |
      grep -v median
  fi
done

"$python" - "$results" "$rounds" "$ranks" "$torch" <<'END'
import json, statistics, sys
folder, rounds, ranks, torch = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
def load(name):
    return [json.load(open(f"{folder}/{name}-{i}.json")) for i in range(1, rounds + 1)]
def row(name, one, many):
    ratios = [b / a for a, b in zip(one, many)]
    print(f"{name:28}{statistics.median(one):10.2f}{statistics.median(many):10.2f}{statistics.median(ratios):8.2f}   "
          + " ".join(f"{r:.2f}" for r in sorted(ratios)))
print(f"\nimages/s, medians of {rounds} rounds\n{'':28}{'1 rank':>10}{ranks + ' ranks':>10}{'ratio':>8}   ratios of the rounds")
for phase in ("classification", "segmentation"):
    rates = [[r["phases"][0]["images_per_second"] for r in load(f"dnet-{phase}-{n}")] for n in ("1", ranks)]
    row("dnet, " + phase, *rates)
    parts = [load(f"apart-{phase}-{n}") for n in range(int(ranks))]
    row("  separate ranks", rates[0], [sum(r["phases"][0]["images_per_second"] for r in part) for part in zip(*parts)])
    if torch:
        found = [r for report in load("ddp") for r in report["rows"] if r["phase"] == phase]
        row("PyTorch DDP, " + phase, [r["one"] for r in found], [r["many"] for r in found])
print(f"figures of each round: {folder}")
END
