"""Makes the files of this folder with other tools: pip install "opencv-python-headless<5" pillow numpy; python make.py

Images that libpng and libjpeg must read or refuse are written by Pillow (or by hand, where it cannot); resized
images by OpenCV; float planes by Pillow, whose 'F' resize equals MATLAB's away from the borders.
"""
import json
import struct
import zlib

import cv2
import numpy as np
from PIL import Image


def noise(width, height, channels, seed):
    """Bytes of a linear congruential generator, which the test repeats."""
    state, out = seed, bytearray()
    for _ in range(width * height * channels):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(state >> 56)
    return np.frombuffer(bytes(out), np.uint8).reshape(height, width, channels)


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = (h ^ b) * 0x100000001B3 % 2**64
    return str(h)


# Resizing: the first cases are small enough to keep their output, the others keep its FNV-1a hash.
cases = [(7, 5, 16, 11), (23, 17, 9, 31), (16, 12, 5, 7), (3, 1, 8, 6), (1, 1, 5, 5), (64, 48, 35, 35),
         (10, 10, 10, 25), (97, 133, 150, 150), (131, 140, 96, 96), (250, 187, 175, 175), (200, 151, 110, 110)]
table = []
for i, (w, h, nw, nh) in enumerate(cases):
    image = noise(w, h, 3, i + 1)
    linear = cv2.resize(image, (nw, nh), interpolation=cv2.INTER_LINEAR)
    nearest = cv2.resize(np.ascontiguousarray(image[:, :, 0]), (nw, nh), interpolation=cv2.INTER_NEAREST)
    entry = dict(seed=i + 1, width=w, height=h, newWidth=nw, newHeight=nh,
                 linearHash=fnv(linear.tobytes()), nearestHash=fnv(nearest.tobytes()))
    if nw * nh <= 300:
        entry.update(linear=linear.ravel().tolist(), nearest=nearest.ravel().tolist())
    table.append(entry)
json.dump(dict(opencv=cv2.__version__, cases=table), open("opencv-resize.json", "w"), separators=(",", ":"))

# Float planes.
planes = []
for i, (w, h, nw, nh) in enumerate([(20, 16, 33, 47), (31, 40, 12, 17), (24, 24, 24, 40), (40, 30, 16, 60)]):
    plane = noise(w, h, 1, 100 + i)[:, :, 0].astype(np.float32)
    for name, kernel in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
        out = np.asarray(Image.fromarray(plane, "F").resize((nw, nh), kernel))
        planes.append(dict(seed=100 + i, width=w, height=h, newWidth=nw, newHeight=nh, kernel=name,
                           values=[round(float(v), 4) for v in out.ravel()]))
json.dump(planes, open("pillow-planes.json", "w"), separators=(",", ":"))

# PNG kinds. Index (x + 3 y) % 21, or 255 where x == 0.
w, h = 13, 9
index = np.fromfunction(lambda y, x: (x + 3 * y) % 21, (h, w)).astype(np.uint8)
index[:, 0] = 255
palette = [c for i in range(256) for c in (i, 255 - i, i // 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(kind, depth, rows, interlace=0, extra=b""):
    header = struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


image = Image.fromarray(index, "L")
image.save("grey8.png")
indexed = Image.fromarray(index, "P")
indexed.putpalette(palette)
indexed.save("palette8.png")
small = Image.fromarray(index % 4, "P")
small.putpalette(palette[:12])
small.save("palette2.png", bits=2)
Image.fromarray(index.astype(np.uint16) * 257).save("grey16.png")
Image.fromarray((index % 2).astype(bool)).save("grey1.png")
rgb = np.dstack([index, 255 - index, index // 2])
Image.fromarray(rgb, "RGB").save("rgb.png")
Image.fromarray(np.dstack([rgb, 255 - index]), "RGBA").save("rgba.png")
Image.fromarray(np.dstack([index, 255 - index]), "LA").save("grey-alpha.png")
rows = b""
for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
    for y in range(y0, h, dy):
        if x0 < w:
            rows += b"\0" + index[y, x0::dx].tobytes()
open("palette-interlaced.png", "wb").write(png(3, 8, rows, 1, chunk(b"PLTE", bytes(palette))))
# A sound header that promises more than any image has.
huge = struct.pack(">IIBBBBB", 60000, 60000, 8, 3, 0, 0, 0)
open("huge.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", huge) + chunk(b"PLTE", bytes(palette))
                             + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b""))

# JPEG kinds, with what Pillow makes of them.
smooth = np.fromfunction(lambda y, x, c: 128 + 100 * np.sin((x * (c + 1) + 2 * y) / 9), (24, 32, 3)).astype(np.uint8)
color = Image.fromarray(smooth, "RGB")
color.save("color.jpg", quality=92)
color.save("progressive.jpg", quality=92, progressive=True)
color.convert("L").save("grey.jpg", quality=92)
color.convert("CMYK").save("cmyk.jpg", quality=95)
for name in ("color", "progressive", "grey", "cmyk"):
    Image.open(name + ".jpg").convert("RGB").save(name + ".expected.png")
