"""OpenCV's EdgeBoxes on dnet's edges: a folder of proposals that `dnet data recall` measures like its own.

    pip install opencv-contrib-python-headless numpy
    dnet data recall --root VOC2012 --list LIST --proposals edgeboxes --save-edges edges
    python opencv_edge_boxes.py edges boxes
    dnet data recall --root VOC2012 --list LIST --proposals boxes
"""
import glob
import os
import sys
import time

import cv2
import numpy as np

edges, boxes = sys.argv[1:3]
options = {k: float(v) for k, v in (a.split("=") for a in sys.argv[3:])}
cv2.setNumThreads(1)
os.makedirs(boxes, exist_ok=True)
seconds, files = 0.0, sorted(glob.glob(os.path.join(edges, "*.magnitude.npy")))
for file in files:
    magnitude, orientation = np.load(file), np.load(file.replace(".magnitude.", ".orientation."))
    search = cv2.ximgproc.createEdgeBoxes(**{"maxBoxes": 1000, **options})
    start = time.perf_counter()
    found, scores = search.getBoundingBoxes(magnitude, orientation)
    seconds += time.perf_counter() - start
    name = os.path.basename(file).replace(".magnitude.npy", ".txt")
    with open(os.path.join(boxes, name), "w") as out:
        for (x, y, w, h), score in zip(np.asarray(found), np.ravel(scores)):
            out.write(f"{x} {y} {min(x + w, magnitude.shape[1]) - 1} {min(y + h, magnitude.shape[0]) - 1} {score:.7g}\n")
print(f"{len(files)} images, {seconds / max(1, len(files)):.3f} s an image")
