"""Makes the golden files of ProposalsTests: OpenCV's edges and boxes for small made inputs.

    pip install opencv-contrib-python-headless numpy
    python make.py

forest.yml.gz        a structured forest in the format of OpenCV's StructuredEdgeDetection, drawn at random
forest.png           a synthetic image
forest-votes.json    what detectEdges gives for both
edgeboxes.json       edge pixels [x, y, magnitude in 1/255, orientation in 1/1000] of a made drawing, and the boxes
                     [x, y, width, height] and scores that EdgeBoxes finds with its published parameters
"""
import gzip
import json
import os

import cv2
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))


def write_forest(path, trees=3, depth=7, evaluate=2, seed=1, votes=24):
    random = np.random.default_rng(seed)
    options = dict(
        stride=2, shrinkNumber=2, patchSize=32, patchInnerSize=16, numberOfGradientOrientations=4,
        gradientSmoothingRadius=0, regFeatureSmoothingRadius=2, ssFeatureSmoothingRadius=8,
        gradientNormalizationRadius=4, selfsimilarityGridSize=5, numberOfTrees=trees, numberOfTreesToEvaluate=evaluate)
    cells = options["patchSize"] // options["shrinkNumber"]
    channels = 2 * (options["numberOfGradientOrientations"] + 1) + 3
    plain = cells * cells * channels
    pairs = 25 * 24 // 2 * channels
    nodes = 2 ** depth - 1
    inner = options["patchInnerSize"]
    childs, features, thresholds, boundaries, bins = [], [], [], [], []
    count = 0
    for _ in range(trees):
        c, f, t, b, v = [], [], [], [], []
        for node in range(nodes):
            boundaries_here = count
            if 2 * node + 2 < nodes:
                c.append(2 * node + 2)
                if random.random() < 0.6:
                    # Luv lies around 0.3, magnitudes around 1, histogram cells around 0.2.
                    channel = int(random.integers(channels))
                    f.append(channel * cells * cells + int(random.integers(cells * cells)))
                    typical = 0.4 if channel < 3 else 1.0 if channel in (3, 8) else 0.25
                    t.append(typical * random.uniform(0.5, 1.5))
                else:
                    f.append(plain + int(random.integers(pairs)))
                    t.append(random.normal() * 0.05)
            else:
                c.append(0)
                f.append(0)
                t.append(0.0)
                # A line through the patch's middle; some leaves see no edge.
                if random.random() < 0.8:
                    angle, offset = random.uniform(0, np.pi), random.normal() * 3
                    s = np.linspace(-8, 8, votes)
                    x = 7.5 + s * np.cos(angle) - offset * np.sin(angle)
                    y = 7.5 + s * np.sin(angle) + offset * np.cos(angle)
                    keep = (x >= 0) & (x < inner) & (y >= 0) & (y < inner)
                    z = random.integers(2)
                    v += [int(z * inner * inner + int(p) * inner + int(q)) for p, q in zip(x[keep], y[keep])]
            b.append(boundaries_here)
            count = sum(map(len, bins)) + len(v)
        childs.append(c)
        features.append(f)
        thresholds.append(t)
        boundaries.append(b)
        bins.append(v)
    boundaries[-1].append(count)

    def rows(name, values, form):
        return name + ":\n" + "".join(
            "   - [ " + ",\n       ".join(", ".join(form(v) for v in row[i:i + 12]) for i in range(0, len(row), 12)) + " ]\n"
            for row in values)

    text = "%YAML:1.0\noptions:\n" + "".join(f"    {k}: {v}\n" for k, v in options.items())
    text += rows("childs", childs, str) + rows("featureIds", features, str)
    text += rows("thresholds", thresholds, lambda v: f"{v:.7e}" if v else "0.")
    text += rows("edgeBoundaries", boundaries, str) + rows("edgeBins", bins, str)
    # No time in the header: the same bytes each time.
    with open(path, "wb") as file:
        file.write(gzip.compress(text.encode(), mtime=0))


def synthetic_image(width, height, seed):
    """Shapes of plain colours and a little noise."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), random.integers(60, 200, 3), np.uint8)
    for _ in range(6):
        color = tuple(int(c) for c in random.integers(0, 256, 3))
        center = (int(random.integers(width)), int(random.integers(height)))
        axes = (int(random.integers(5, width // 3)), int(random.integers(5, height // 3)))
        cv2.ellipse(image, center, axes, float(random.uniform(0, 180)), 0, 360, color, -1)
    noisy = image + random.normal(0, 6, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def golden_forest():
    model = os.path.join(here, "forest.yml.gz")
    write_forest(model)
    image = synthetic_image(75, 58, 5)
    cv2.imwrite(os.path.join(here, "forest.png"), image[:, :, ::-1])
    edges = cv2.ximgproc.createStructuredEdgeDetection(model).detectEdges(image.astype(np.float32) / 255)
    with open(os.path.join(here, "forest-votes.json"), "w") as file:
        json.dump([round(float(v), 5) for v in edges.ravel()], file, separators=(",", ":"))
    print("votes", edges.shape, edges.min(), edges.max(), edges.mean())


def golden_boxes():
    width, height = 200, 150
    image = np.zeros((height, width), np.float32)
    cv2.ellipse(image, (70, 70), (40, 28), 20, 0, 360, 0.9, -1)
    cv2.rectangle(image, (130, 60), (180, 120), 0.6, -1)
    cv2.circle(image, (60, 75), 10, 0.3, -1)
    cv2.line(image, (0, 140), (199, 130), 0.7, 4)
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    dx, dy = cv2.Sobel(image, -1, 1, 0), cv2.Sobel(image, -1, 0, 1)
    length, angle = np.hypot(dx, dy), np.mod(np.arctan2(dy, dx), np.pi)
    # Thinned along the larger component of the gradient.
    thin = length.copy()
    thin[:, 1:-1][(np.abs(dx) >= np.abs(dy))[:, 1:-1] & ((length[:, 1:-1] < length[:, :-2]) | (length[:, 1:-1] <= length[:, 2:]))] = 0
    thin[1:-1][(np.abs(dx) < np.abs(dy))[1:-1] & ((length[1:-1] < length[:-2]) | (length[1:-1] <= length[2:]))] = 0
    magnitude = np.round(255 * thin / thin.max()).astype(int)
    magnitude[magnitude < 20] = 0
    orientation = np.round(1000 * angle).astype(int)
    pixels = [[int(x), int(y), int(magnitude[y, x]), int(orientation[y, x])] for y, x in np.argwhere(magnitude > 0)]
    e = (magnitude / 255).astype(np.float32)
    o = np.where(magnitude > 0, orientation / 1000, 0).astype(np.float32)
    boxes, scores = cv2.ximgproc.createEdgeBoxes(maxBoxes=10000).getBoundingBoxes(e, o)
    with open(os.path.join(here, "edgeboxes.json"), "w") as file:
        json.dump(
            dict(width=width, height=height, pixels=pixels, boxes=np.asarray(boxes).tolist()[:50],
                 scores=[round(float(s), 6) for s in np.ravel(scores)[:50]]), file, separators=(",", ":"))
    print("boxes", len(boxes), np.ravel(scores)[:5], np.asarray(boxes)[:5].tolist(), len(pixels), "pixels")


if __name__ == "__main__":
    golden_forest()
    golden_boxes()
