"""Draws the losses of docs/numerics/curves.sh's runs as an SVG, and prints them as a Markdown table.

    python3 docs/numerics/curves.py FOLDER OUTPUT.svg

FOLDER holds runs named winograd-SEED and direct-SEED. Losses are means over windows of 20 iterations.
"""
import json
import pathlib
import sys

WINDOW = 20
PHASES = ["classification", "segmentation"]
COLOURS = {"winograd": "#1f6fb4", "direct": "#d1495b"}


def losses(run):
    """Phase -> means over windows, in order."""
    found = {phase: [] for phase in PHASES}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        entry = json.loads(line)
        found[entry["phase"]].append(entry["loss"])
    return {
        phase: [sum(values[i : i + WINDOW]) / WINDOW for i in range(0, len(values) - WINDOW + 1, WINDOW)]
        for phase, values in found.items()
    }


def mean_iou(run):
    return json.loads((run / "evaluation.json").read_text())["meanIoUPresent"]


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
            dash = ' stroke-dasharray="5 4"' if kernel == "direct" else ""
            parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[kernel]}" stroke-width="1.3"{dash}/>')
    for index, (kernel, text) in enumerate([("winograd", "Winograd F(4x4, 3x3)"), ("direct", "direct, one chain a sum")]):
        x0, y0 = left + index * 200, top + height + 46
        dash = ' stroke-dasharray="5 4"' if kernel == "direct" else ""
        parts.append(f'<path d="M{x0} {y0}h30" stroke="{COLOURS[kernel]}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{x0 + 38}" y="{y0 + 4}">{text}</text>')
    seeds = len({seed for _, seed in curves})
    parts.append(f'<text x="{left + 420}" y="{top + height + 50}">a line a seed, {seeds} seeds each</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def table(curves, scores):
    keys = sorted(curves, key=lambda key: (key[1], key[0] == "direct"))
    seeds = sorted({seed for _, seed in curves})
    head = "| iteration | " + " | ".join(f"{kernel}, seed {seed}" for kernel, seed in keys)
    print(head + " | between kernels | between seeds |")
    print("|---|" + "---:|" * (len(keys) + 2))

    def row(name, values, digits):
        """`values`: (kernel, seed) -> number."""
        kernels = max(abs(values["winograd", seed] - values["direct", seed]) for seed in seeds)
        between = max(spread([values[kernel, seed] for seed in seeds]) for kernel in COLOURS)
        cells = [f"{values[key]:.{digits}f}" for key in keys] + [f"{kernels:.{digits}f}", f"{between:.{digits}f}"]
        print(f"| {name} | " + " | ".join(cells) + " |")

    for phase in PHASES:
        count = len(curves[keys[0]][phase])
        for i in sorted({0, 1, *range(4, count, 5), count - 1}):
            name = f"{phase} {i * WINDOW + 1} to {(i + 1) * WINDOW}"
            row(name, {key: curves[key][phase][i] for key in keys}, 4)
    row("mean IoU, validation", scores, 4)


def main():
    folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    curves, scores = {}, {}
    for run in folder.iterdir():
        kernel, _, seed = run.name.partition("-")
        if kernel in COLOURS and (run / "evaluation.json").exists():
            curves[kernel, int(seed)] = losses(run)
            scores[kernel, int(seed)] = mean_iou(run)
    if not curves:
        sys.exit(f"no finished runs in {folder}: docs/numerics/curves.sh makes them")
    output.write_text(svg(curves))
    table(curves, scores)


main()
