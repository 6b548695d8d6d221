"""Makes opencv-crops.json: pip install "opencv-python-headless<5" numpy; python make.py

What OpenCV makes of a box that leaves the image, in the steps of the authors' layer: a border (black, 255 in the mask), the
cut, the resizing (bilinear, nearest). Images are noise that the test repeats.
"""
import json

import cv2
import numpy as np


def noise(count, seed):
    """Bytes of a linear congruential generator."""
    state, out = seed, bytearray()
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(state >> 56)
    return np.frombuffer(bytes(out), np.uint8)


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = (h ^ b) * 0x100000001B3 % 2**64
    return str(h)


cases = []
for seed, (width, height, input_size, box) in enumerate([
    (23, 17, 32, (0, 0, 22, 16)), (23, 17, 32, (-4, 3, 8, 9)), (23, 17, 32, (3, -6, 8, 9)), (23, 17, 32, (15, 3, 30, 9)),
    (23, 17, 32, (3, 10, 8, 25)), (23, 17, 32, (-7, -5, 40, 33)), (23, 17, 32, (-9, 2, -2, 8)), (23, 17, 32, (100, 100, 110, 120)),
    (131, 97, 64, (-13, -9, 143, 105)), (131, 97, 64, (40, 30, 140, 110)), (97, 131, 96, (-10, 20, 60, 150)),
    (250, 187, 160, (-25, -18, 274, 205)), (250, 187, 160, (100, -12, 262, 90)),
]):
    x1, y1, x2, y2 = box
    pixels = noise(3 * width * height, seed + 1).reshape(height, width, 3)
    top, left = max(0, -y1), max(0, -x1)
    bottom, right = max(0, y2 + 1 - height), max(0, x2 + 1 - width)
    side = (input_size * 350 + 160) // 320

    def cut(image, value):
        padded = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=value)
        return np.ascontiguousarray(padded[y1 + top:y2 + 1 + top, x1 + left:x2 + 1 + left])

    image = cv2.resize(cut(pixels, (0, 0, 0)), (side, side), interpolation=cv2.INTER_LINEAR)
    mask = cv2.resize(cut(np.ascontiguousarray(pixels[:, :, 0]), 255), (side, side), interpolation=cv2.INTER_NEAREST)
    cases.append(dict(width=width, height=height, inputSize=input_size, box=list(box), seed=seed + 1,
                      imageHash=fnv(image.tobytes()), maskHash=fnv(mask.tobytes())))
json.dump(dict(opencv=cv2.__version__, cases=cases), open("opencv-crops.json", "w"), indent=0)
