"""Draws the losses of the runs of docs/numerics/curves.sh as an SVG, and prints them as a Markdown table.

    python3 docs/numerics/curves.py FOLDER OUTPUT.svg

FOLDER holds runs named winograd-SEED, direct-SEED and nudged-SEED. Losses are means over windows of 20 iterations.
"""
import json
import pathlib
import sys

WINDOW = 20
PHASES = ["classification", "segmentation"]
KINDS = {
    "winograd": ("#1f6fb4", "", "Winograd F(4x4, 3x3)"),
    "direct": ("#d1495b", ' stroke-dasharray="5 4"', "direct, one chain per sum"),
    "nudged": ("#4d9050", ' stroke-dasharray="2 3"', "Winograd, rate x (1 + 3e-7)"),
}


def losses(run):
    """Returns the mean losses of each phase over successive windows."""
    found = {phase: [] for phase in PHASES}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        entry = json.loads(line)
        found[entry["phase"]].append(entry["loss"])
    return {
        phase: [sum(values[i : i + WINDOW]) / WINDOW for i in range(0, len(values) - WINDOW + 1, WINDOW)]
        for phase, values in found.items()
    }


def mean_iou(run):
    return json.loads((run / "evaluation.json").read_text())["mean_iou_present"]


def spread(values):
    return max(values) - min(values)


def svg(curves):
    width, height, gap, left, top = 380, 230, 70, 60, 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + 2 * width + gap + 20} {height + top + 70}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="white"/>',
    ]
    for index, phase in enumerate(PHASES):
        x0 = left + index * (width + gap)
        lines = [(kernel, seed, values[phase]) for (kernel, seed), values in sorted(curves.items())]
        high = max(max(values) for _, _, values in lines)
        count = len(lines[0][2])
        x = lambda i: x0 + width * (i + 0.5) / count
        y = lambda value: top + height * (1 - value / high)
        parts.append(f'<text x="{x0}" y="{top - 14}" font-weight="bold">{phase} loss, means over {WINDOW} iterations</text>')
        for tick in range(5):
            value = high * tick / 4
            parts.append(f'<path d="M{x0} {y(value):.1f}h{width}" stroke="#ddd"/>')
            parts.append(f'<text x="{x0 - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.2f}</text>')
        for tick in range(0, count + 1, max(count // 5, 1)):
            place = x0 + width * tick / count
            parts.append(f'<text x="{place:.1f}" y="{top + height + 16}" text-anchor="middle">{tick * WINDOW}</text>')
        for kernel, seed, values in lines:
            points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(values))
            colour, dash, _ = KINDS[kernel]
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.3"{dash}/>')
    for index, (colour, dash, text) in enumerate(KINDS.values()):
        x0, y0 = left + index * 215, top + height + 46
        parts.append(f'<path d="M{x0} {y0}h30" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{x0 + 38}" y="{y0 + 4}">{text}</text>')
    seeds = len({seed for _, seed in curves})
    parts.append(f'<text x="{left + 660}" y="{top + height + 50}">one line per seed, {seeds} each</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def table(curves, scores):
    seeds = sorted({seed for _, seed in curves})
    print("| | " + " | ".join(text for _, _, text in KINDS.values()) + " | direct from Winograd, at most | changed rate from Winograd, at most | spread over seeds |")
    print("|---|" + "---:|" * (len(KINDS) + 3))

    def row(name, values, digits):
        """Prints a row of `values`, which maps (kind, seed) to a number. Cells hold the seeds in order."""
        cells = [" / ".join(f"{values[kind, seed]:.{digits}f}" for seed in seeds) for kind in KINDS]
        for kind in ["direct", "nudged"]:
            cells.append(f"{max(abs(values[kind, seed] - values['winograd', seed]) for seed in seeds):.{digits}f}")
        cells.append(f"{max(spread([values[kind, seed] for seed in seeds]) for kind in KINDS):.{digits}f}")
        print(f"| {name} | " + " | ".join(cells) + " |")

    for phase in PHASES:
        count = len(curves["winograd", seeds[0]][phase])
        for i in sorted({0, 1, *range(4, count, 5), count - 1}):
            row(f"{phase} {i * WINDOW + 1} to {(i + 1) * WINDOW}", {key: curves[key][phase][i] for key in curves}, 3)
    row("mean IoU, validation", scores, 3)


def main():
    folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    curves, scores = {}, {}
    for run in folder.iterdir():
        kernel, _, seed = run.name.partition("-")
        if kernel in KINDS and (run / "evaluation.json").exists():
            curves[kernel, int(seed)] = losses(run)
            scores[kernel, int(seed)] = mean_iou(run)
    if not curves:
        sys.exit(f"{folder} has no finished runs: create them with docs/numerics/curves.sh")
    whole = {seed for _, seed in curves if all((kind, seed) in curves for kind in KINDS)}
    for key in [key for key in curves if key[1] not in whole]:
        print(f"left out, because its seed lacks another kind: {key}", file=sys.stderr)
        del curves[key]
    output.write_text(svg(curves))
    table(curves, scores)


main()
