"""Makes the MATLAB files of this folder: pip install scipy numpy; python make.py

They have SBD's form: a structure GTcls with Segmentation, Boundaries (a cell of sparse matrices, a class each) and
CategoriesPresent. The test repeats the mask's formula.
"""
import numpy as np
from scipy import sparse
from scipy.io import savemat


def mask(height, width):
    y, x = np.mgrid[:height, :width]
    return ((x // 3 + 2 * (y // 2)) % 21).astype(np.uint8)


def structure(segmentation):
    boundaries = np.empty((20, 1), dtype=object)
    for c in range(20):
        boundaries[c, 0] = sparse.csc_matrix(segmentation == c + 1)
    present = np.unique(segmentation[segmentation > 0]).astype(np.uint8).reshape(-1, 1)
    return {"Boundaries": boundaries, "Segmentation": segmentation, "CategoriesPresent": present}


small = mask(11, 17)
savemat("small.mat", {"GTcls": structure(small)}, do_compression=True)
savemat("plain.mat", {"GTcls": structure(small)}, do_compression=False)
savemat("tall.mat", {"GTcls": structure(mask(40, 3))}, do_compression=True)
savemat("second.mat", {"other": np.arange(5.0), "GTcls": structure(small)}, do_compression=True)
# Whole files that hold no mask of SBD.
savemat("no-variable.mat", {"GTinst": structure(small)}, do_compression=True)
savemat("no-structure.mat", {"GTcls": small}, do_compression=True)
savemat("no-field.mat", {"GTcls": {"Boundaries": 1.0}}, do_compression=True)
savemat("doubles.mat", {"GTcls": structure(small.astype(np.float64))}, do_compression=True)
savemat("cube.mat", {"GTcls": structure(small) | {"Segmentation": np.zeros((3, 4, 2), np.uint8)}}, do_compression=True)
savemat("empty.mat", {"GTcls": structure(small) | {"Segmentation": np.zeros((0, 0), np.uint8)}}, do_compression=True)
savemat("version4.mat", {"GTcls": small}, format="4")
