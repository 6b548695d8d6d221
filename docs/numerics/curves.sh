#!/usr/bin/env bash
# Trains the same small network with Winograd's kernels, with direct kernels, and with Winograd's kernels at learning rates
# that differ in the seventh digit, for three seeds each, and draws the losses:
#   docs/numerics/curves.sh [FOLDER]    about half an hour of one core; finished runs are kept
# Requires Launch/setup and python3 (no packages).
set -euo pipefail
cd "$(dirname "$0")/../.."
. Launch/environment
out=${1:-runs/numerics}
data=$out/data
[[ -d $data ]] || dnet data synthesize "$data" --images 1200 --classes 5 --seed 1

settings=(
  data.root="$data" data.proposals=random network.width=0.125 network.inputSize=96 network.classes=5 data.masksPerClass=20
  minibatch.shards=4 classification.iterations=500 classification.learningRate.step=400
  segmentation.iterations=300 segmentation.learningRate.step=240 checkpoint.every=0
)
for seed in 1 2 3; do
  for kind in winograd direct nudged; do
    run=$out/$kind-$seed
    own=(seed=$seed)
    if [[ $kind == direct ]]; then own+=(network.convolution=direct); fi
    # A change as small as rounding, which cannot affect quality.
    if [[ $kind == nudged ]]; then own+=(classification.learningRate.base=0.03000001 segmentation.learningRate.base=0.010000003); fi
    [[ -f $run/evaluation.json ]] && continue
    arguments=()
    for setting in "${settings[@]}" "${own[@]}"; do arguments+=(--set "$setting"); done
    dnet-train Configs/synthetic/demo.yaml --output "$run" "${arguments[@]}"
    dnet evaluate "$run" --data "$data" --json "$run/evaluation.json"
  done
done
python3 docs/numerics/curves.py "$out" docs/numerics-curves.svg
